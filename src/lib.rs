//! Outturn turns the data feeds of a Community Safety Partnership into published outcome-framework tables.
//!
//! The modules stand in the order in which the data flows.

pub mod schedule;
pub mod serve;
