//! The `outturn` command.

fn main() {}
