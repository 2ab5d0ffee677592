//! How often one host is asked, by all feeds of a run together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longest time between two requests that a pace can ask for.
const SLOWEST: Duration = Duration::from_hours(1);

/// Requests to one host come at even distances, whoever makes them.
#[derive(Debug)]
pub struct Pace {
    every: Duration,
    /// When the next request may be made; absent before the first.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many requests in a second; a number that is not above 0 counts as the slowest pace, one in an hour.
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        let every = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(SLOWEST).min(SLOWEST);
        Self { every, next: Mutex::new(None) }
    }

    /// Waits for the next turn; false, at once, when it would come later than `left` from now.
    pub(super) async fn turn(&self, left: Duration) -> bool {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            if turn.duration_since(now) > left {
                return false;
            }
            *next = Some(turn + self.every);
            turn
        };
        tokio::time::sleep_until(turn).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_come_at_even_distances_whoever_makes_them() {
        let pace = Pace::new(50.0);
        let begun = Instant::now();
        let minute = Duration::from_mins(1);
        let ask = || async { (pace.turn(minute).await, pace.turn(minute).await) };
        assert_eq!(tokio::join!(ask(), ask(), ask()), ((true, true), (true, true), (true, true)));
        assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_turn_that_comes_too_late_is_not_waited_for() {
        for slow in [0.0, -1.0, f64::NAN, 1e-300] {
            let pace = Pace::new(slow);
            assert!(pace.turn(Duration::ZERO).await, "the first one is free");
            assert!(!pace.turn(Duration::from_mins(30)).await);
        }
    }
}
