//! Outturn turns the data feeds of a Community Safety Partnership into published outcome-framework tables.
//!
//! The modules stand in the order in which the data flows.

pub mod config;
pub mod diagnose;
pub mod durable;
pub mod engine;
pub mod feed;
pub mod landing;
pub mod lookup;
pub mod normalise;
pub mod period;
pub mod simulate;
pub mod warehouse;
