//! Seeded draws in integer arithmetic, the same on every platform and with every version of `rand`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// A stream of random draws that is known by its name. Two names give independent streams.
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream called `name`; it begins anew at each call.
    pub(super) fn named(name: &str) -> Self {
        Self(ChaCha8Rng::from_seed(Sha256::digest(name.as_bytes()).into()))
    }

    /// 0..`limit`, evenly; 0 when the limit is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(limit);
        (product >> 64) as u64
    }

    /// A number within -`reach`..=`reach`, evenly.
    pub(super) fn around_zero(&mut self, reach: u32) -> i32 {
        let drawn = i64::try_from(self.below(2 * u64::from(reach) + 1)).unwrap_or(0) - i64::from(reach);
        i32::try_from(drawn).unwrap_or(0)
    }

    /// A position in a list of `length` items.
    pub(super) fn position(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// True `per_1000` times out of a thousand.
    pub(super) fn chance(&mut self, per_1000: u64) -> bool {
        self.below(1000) < per_1000
    }

    /// A position in a list of running totals, with the chance that its step has in the last total.
    pub(super) fn step(&mut self, running_totals: &[u64]) -> usize {
        let drawn = self.below(running_totals.last().copied().unwrap_or(0));
        running_totals.partition_point(|total| *total <= drawn)
    }

    /// A position in a list of weights, with the chance that its weight has in their sum.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut drawn = self.below(weights.iter().sum());
        for (position, weight) in weights.iter().enumerate() {
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => return position,
            }
        }
        0
    }

    /// An entry of a table of values and weights. The table is not empty.
    pub(super) fn choose<T: Copy>(&mut self, table: &[(T, u64)]) -> T {
        let mut drawn = self.below(table.iter().map(|(_, weight)| weight).sum());
        let mut chosen = table[0].0;
        for (value, weight) in table {
            chosen = *value;
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => break,
            }
        }
        chosen
    }

    /// A count of events around `expected_milli` thousandths.
    ///
    /// The variance is that of a Poisson count plus a twenty-fifth of the mean squared, as monthly crime counts of a
    /// force scatter more than chance alone. Near-normal: the sum of twelve even draws.
    pub(super) fn count(&mut self, expected_milli: i64) -> usize {
        let expected = i128::from(expected_milli.max(0));
        let deviation = (expected * 1000 + (expected / 25).pow(2)).isqrt();
        let even: u64 = (0..12).map(|_| self.below(1001)).sum();
        let drawn_milli = (expected + deviation * (i128::from(even) - 6000) / 1000).max(0);
        let whole = usize::try_from(drawn_milli / 1000).unwrap_or(0);
        let rest = u64::try_from(drawn_milli % 1000).unwrap_or(0);
        whole + usize::from(self.chance(rest))
    }

    /// The bytes of a crime's identity.
    pub(super) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Puts a list into a random order.
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.position(last + 1));
        }
    }
}
