//! Outturn turns the data feeds of a Community Safety Partnership into published outcome-framework tables.
//!
//! The modules stand in the order in which the data flows.

pub mod assess;
pub mod check;
pub mod cli;
pub mod config;
pub mod diagnose;
pub mod durable;
pub mod engine;
pub mod feed;
pub mod geography;
pub mod inspect;
pub mod landing;
pub mod lock;
pub mod lookup;
pub mod measure;
pub mod normalise;
pub mod period;
pub mod plan;
pub mod progress;
pub mod release;
pub mod run;
pub mod schedule;
pub mod serve;
pub mod simulate;
pub mod simulated;
pub mod warehouse;
