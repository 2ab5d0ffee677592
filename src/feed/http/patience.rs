//! How long a feed is waited for, and how its pauses are drawn.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use super::HttpSettings;

/// The time that one feed may still take, and how its pauses are drawn.
///
/// It begins when it is made. A feed of several addresses passes the same one to each fetch.
#[derive(Debug)]
pub struct Patience {
    started: Instant,
    deadline: Duration,
    draw: ChaCha8Rng,
    sleeps: bool,
    pauses: Vec<Duration>,
}

impl Patience {
    /// Patience that lasts for `deadline` from now. The seed decides the pauses; no two feeds should share
    /// one, lest they all ask again in the same second.
    #[must_use]
    pub fn new(deadline: Duration, seed: u64) -> Self {
        let draw = ChaCha8Rng::seed_from_u64(seed);
        Self { started: Instant::now(), deadline, draw, sleeps: true, pauses: Vec::new() }
    }

    /// The same, but pauses are counted as if slept and not slept: for tests.
    #[must_use]
    pub fn without_sleeping(deadline: Duration, seed: u64) -> Self {
        Self { sleeps: false, ..Self::new(deadline, seed) }
    }

    /// Pauses made so far, in order.
    #[must_use]
    pub fn pauses(&self) -> &[Duration] {
        &self.pauses
    }

    /// What is left until the deadline.
    #[must_use]
    pub fn left(&self) -> Duration {
        let unslept = if self.sleeps { Duration::ZERO } else { self.pauses.iter().sum() };
        self.deadline.saturating_sub(self.started.elapsed()).saturating_sub(unslept)
    }

    /// The pause after the given number of failed attempts: full jitter below a limit that doubles, and no
    /// less than the publisher asked for.
    pub(super) fn next(
        &mut self,
        settings: &HttpSettings,
        failed: u32,
        asked_for: Option<Duration>,
    ) -> Duration {
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        let limit = settings.backoff_base.saturating_mul(doubled).min(settings.backoff_cap);
        let jitter = limit.mul_f64(self.draw.random_range(0.0..=1.0));
        jitter.max(asked_for.unwrap_or_default().min(settings.retry_after_cap))
    }

    /// Pauses before the same is tried again; false, at once, where nothing is left to try.
    pub(in crate::feed) async fn again(&mut self, settings: &HttpSettings, failed: u32) -> bool {
        if failed >= settings.max_attempts {
            return false;
        }
        let pause = self.next(settings, failed, None);
        if pause >= self.left() {
            return false;
        }
        self.pause(pause).await;
        true
    }

    pub(super) async fn pause(&mut self, pause: Duration) {
        self.pauses.push(pause);
        if self.sleeps {
            tokio::time::sleep(pause).await;
        }
    }
}
