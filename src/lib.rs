//! Outturn turns the data feeds of a Community Safety Partnership into published outcome-framework tables.
//!
//! The modules stand in the order in which they call each other and the data flows; `ARCHITECTURE.md` follows one
//! figure through them.

pub mod cli;
pub mod run;
pub mod plan;
pub mod inspect;
pub mod proof;
pub mod letter;
pub mod replay;
pub mod rejudge;
pub mod doctor;
pub mod check;
pub mod config;
pub mod diagnose;
pub mod agreement;
pub mod feed;
pub mod secret;
pub mod freshness;
pub mod landing;
pub mod signoff;
pub mod definition;
pub mod publication;
pub mod erasure;
pub mod retained;
pub mod retention;
pub mod normalise;
pub mod waiver;
pub mod lookup;
pub mod warehouse;
pub mod engine;
pub mod lineage;
pub mod measure;
pub mod assess;
pub mod statistics;
pub mod disclosure;
pub mod release;
pub mod schedule;
pub mod serve;
pub mod simulated;
pub mod simulate;
pub mod progress;
pub mod processors;
pub mod lock;
pub mod durable;
pub mod geography;
pub mod period;
pub mod vectors;
