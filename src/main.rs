//! The `outturn` command: gives the library the clock, and the shell its exit code.

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    let clock: outturn::schedule::Clock = Arc::new(chrono::Utc::now);
    outturn::cli::main(&clock)
}
