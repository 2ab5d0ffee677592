//! Fetching a delivery; the bytes stay as the partner sent them.

pub mod http;
