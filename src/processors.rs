//! The processors of this computer, as the parts of a run share them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many processors this program may use.
#[must_use]
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// Processors that several pieces of work share, each of which has one to itself while it lasts. A piece of work may let
/// others help it as long as one is idle; what it yields does not depend on that.
#[derive(Debug)]
pub struct Processors {
    all: usize,
    busy: AtomicUsize,
}

/// A processor that is busy until this is dropped.
#[derive(Debug)]
pub struct Busy<'a>(&'a Processors);

impl Processors {
    /// So many, all idle.
    #[must_use]
    pub fn new(all: usize) -> Self {
        Self { all, busy: AtomicUsize::new(0) }
    }

    /// Takes one, even where all are busy: whoever works is not kept from it.
    #[must_use]
    pub fn take(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// Whether one has nothing to do.
    #[must_use]
    pub fn any_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) < self.all
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_idle_while_fewer_than_all_are_taken() {
        let processors = Processors::new(2);
        let first = processors.take();
        assert!(processors.any_idle());
        let second = processors.take();
        let third = processors.take();
        assert!(!processors.any_idle());
        drop(second);
        assert!(!processors.any_idle());
        drop(third);
        assert!(processors.any_idle());
        drop(first);
        assert!(!Processors::new(0).any_idle());
    }
}
