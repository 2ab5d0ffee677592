//! The keys of the rows that a month has so far, by which repeats are known.

use std::collections::HashSet;
use std::hint::black_box;

/// What rows share with those that repeat them: a set that may be many times as large as the processor's caches.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<u128, foldhash::fast::FixedState>);

impl Seen {
    /// Adds the keys of rows in their order, and tells of each whether it is new; a row without a key always is.
    pub(super) fn add_all(&mut self, keys: impl Iterator<Item = Option<u128>> + Clone) -> Vec<bool> {
        // Where a key belongs is far from where the last one did, and waiting for memory is most of the work. Looked for
        // one behind the other, with nothing else between, they are waited for together.
        black_box(keys.clone().flatten().filter(|key| self.0.contains(key)).count());
        keys.map(|key| key.is_none_or(|key| self.0.insert(key))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_key_is_new_and_a_row_without_one_always() {
        let mut seen = Seen::default();
        let first = seen.add_all([Some(1), None, Some(2), Some(1), None].into_iter());
        assert_eq!(first, [true, true, true, false, true]);
        let second = seen.add_all([Some(2), Some(3), Some(1 << 127), Some(3)].into_iter());
        assert_eq!(second, [false, true, true, false]);
    }
}
