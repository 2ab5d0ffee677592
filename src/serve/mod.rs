//! The daemon's own pages on loopback: whether it lives, whether its tables can be relied upon, and its figures.

mod bounded;
mod health;
mod state;

pub use health::{PagesError, bind, serve_pages};
pub use state::{DaemonState, HEARTBEAT_LIMIT};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new release is current.
    Released,
    /// Nothing had changed; the release that was current still is.
    Current,
    /// Released with gaps: a feed or measure is missing, late, refused or withheld.
    Gaps,
    /// Not released: a step failed; the last release stands.
    Failed,
    /// Settings or SQL are invalid; nothing was read, and the last release stands.
    Invalid,
    /// Ended by a defect of ours; the last release stands.
    Defect,
    /// Not begun: another run holds the warehouse.
    Busy,
    /// Stopped at a safe point because the daemon was asked to stop.
    Stopped,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Self; 8] = [
        Self::Released,
        Self::Current,
        Self::Gaps,
        Self::Failed,
        Self::Invalid,
        Self::Defect,
        Self::Busy,
        Self::Stopped,
    ];

    /// Its name in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Current => "current",
            Self::Gaps => "gaps",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Defect => "defect",
            Self::Busy => "busy",
            Self::Stopped => "stopped",
        }
    }

    /// Exit code of the same run by hand. A stopped run has that of SIGTERM; the signal itself knows better.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Released | Self::Current => 0,
            Self::Failed => 1,
            Self::Invalid => 2,
            Self::Gaps => 3,
            Self::Defect => 70,
            Self::Busy => 75,
            Self::Stopped => 143,
        }
    }

    /// Whether the run left everything that it could know in a current release.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Released | Self::Current | Self::Gaps)
    }

    /// Whether the run did not do its due time, which therefore stays due.
    #[must_use]
    pub fn leaves_time_due(self) -> bool {
        matches!(self, Self::Busy | Self::Stopped)
    }
}

/// What the daemon's pages tell about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// How it ended.
    pub outcome: Outcome,
    /// Rows of all deliveries that it read.
    pub rows_read: u64,
    /// Rows among them that it set aside.
    pub rows_quarantined: u64,
    /// The release that is current after it. `None`: it changed nothing about that.
    pub release: Option<String>,
    /// Days since the end of the last month that each feed delivered, by feed. Empty: as before.
    pub feed_age_days: Vec<(String, f64)>,
}

impl RunSummary {
    /// A run that read nothing and released nothing.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, rows_read: 0, rows_quarantined: 0, release: None, feed_age_days: Vec::new() }
    }
}
