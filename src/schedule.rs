//! Keeps time for the daemon: when a run is due.

mod calendar;

pub use calendar::{Calendar, InvalidSchedule};
