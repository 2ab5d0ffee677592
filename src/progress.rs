//! What a person sees while a run goes on: a bar on a terminal, a plain line elsewhere, nothing when told to be quiet.

use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a run is, on standard error.
#[derive(Debug)]
pub struct Progress {
    quiet: bool,
    terminal: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// For a run that a person started.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), bar: Mutex::new(None) }
    }

    /// A stage begins whose length is not known.
    pub fn stage(&self, text: &str) {
        self.begin(text, None);
    }

    /// A stage of so many steps begins.
    pub fn stage_of(&self, text: &str, steps: usize) {
        self.begin(text, Some(steps));
    }

    /// A step of the stage is done.
    pub fn step(&self) {
        if let Ok(bar) = self.bar.lock()
            && let Some(bar) = bar.as_ref()
        {
            bar.inc(1);
        }
    }

    /// The last stage is done; nothing of the bar is left.
    pub fn done(&self) {
        if let Ok(mut bar) = self.bar.lock()
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
    }

    fn begin(&self, text: &str, steps: Option<usize>) {
        self.done();
        if self.quiet {
            return;
        }
        if !self.terminal {
            eprintln!("{text}{}", steps.map(|n| format!(" ({n})")).unwrap_or_default());
            return;
        }
        let bar = match steps {
            Some(steps) => {
                let style = ProgressStyle::with_template("{msg:28} {bar:30} {pos}/{len}");
                let bar = ProgressBar::new(steps as u64);
                if let Ok(style) = style {
                    bar.set_style(style);
                }
                bar
            }
            None => ProgressBar::new_spinner(),
        };
        bar.set_message(text.to_owned());
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(bar);
        }
    }
}
