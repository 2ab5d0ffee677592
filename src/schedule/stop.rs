//! Signals that ask the program to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Which signal asked for the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM, as a service manager sends it.
    Terminate,
}

impl StopSignal {
    /// Exit code after a clean stop: 128 and the number of the signal.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Listens for SIGINT and SIGTERM.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on neither signal ends the program by itself. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses to deliver signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first signal, cancels `stop` and says which it was. Dropping the future loses no signal that is
    /// still to come.
    pub async fn cancel(&mut self, stop: &CancellationToken) -> StopSignal {
        let received = tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
        };
        info!(
            exit_code = received.exit_code(),
            "asked to stop; the current run comes to its next safe point"
        );
        stop.cancel();
        received
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_signal_cancels_the_token_and_names_the_exit_code() {
        let mut signals = Signals::listen().unwrap();
        for (name, expected) in [("-TERM", 143), ("-INT", 130)] {
            let stop = CancellationToken::new();
            let own_id = std::process::id().to_string();
            assert!(Command::new("kill").args([name, &own_id]).status().unwrap().success());
            assert_eq!(signals.cancel(&stop).await.exit_code(), expected);
            assert!(stop.is_cancelled());
        }
    }
}
