//! What is waited for: a spinner on a terminal, a line for each change elsewhere.

use std::{
    io::{self, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Something that takes time. Dropped, its spinner goes.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    said: String,
    spinner: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(what: &str, turning: bool) -> Self {
        let spinner = turning.then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let spinner = ProgressBar::new_spinner().with_style(style).with_prefix(what.to_owned());
            spinner.enable_steady_tick(TICK);
            spinner
        });
        Self { what: what.to_owned(), said: String::new(), spinner }
    }

    /// Says what is waited for now.
    pub(crate) fn waits(&mut self, text: &str) {
        if self.said == text {
            return;
        }
        text.clone_into(&mut self.said);
        let text = crate::view::one_line(text);
        match &self.spinner {
            Some(spinner) => spinner.set_message(text),
            None => {
                // A reader that went away is no failure of ours.
                let _ = writeln!(io::stderr().lock(), "{}: {text}", self.what);
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}
