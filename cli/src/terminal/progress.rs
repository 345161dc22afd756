//! What is waited for: a spinner on a terminal, a line for each change elsewhere.

use std::{
    io::{self, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use unicode_width::UnicodeWidthStr;

use super::size::columns;
use crate::view::{one_line, wrapped};

/// The columns of the spinner's line beside its name and its text: the spinner, the elapsed time, and spaces.
const BESIDE: usize = 8;
/// The columns of a terminal that does not report its size.
const COLUMNS: usize = 80;
/// The indentation of a text below the spinner's line, and the number of its lines.
const INDENT: &str = "    ";
const LINES: usize = 4;
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
            let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg}")
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
        let text = one_line(text);
        match &self.spinner {
            Some(spinner) => {
                let columns = columns(&io::stderr()).unwrap_or(COLUMNS);
                spinner.set_message(fit(&text, self.what.width() + BESIDE, columns));
            }
            None => {
                // A reader that went away is no failure of ours.
                let _ = writeln!(io::stderr().lock(), "{}: {text}", self.what);
            }
        }
    }
}

/// Returns `text` as it stands after `used` columns of a line: there if it fits, else on indented lines below.
fn fit(text: &str, used: usize, columns: usize) -> String {
    if used + text.width() <= columns {
        return text.to_owned();
    }
    let lines = wrapped(text, columns.saturating_sub(INDENT.len()));
    let cut = if lines.len() > LINES { "…" } else { "" };
    lines.iter().take(LINES).fold(String::new(), |text, line| text + "\n" + INDENT + line) + cut
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_reason_is_visible_on_80_columns() {
        assert_eq!(fit("Starting", 13, 80), "Starting");
        let reason =
            "Unschedulable: 0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate";
        assert_eq!(
            fit(reason, 13, 80),
            "\n    Unschedulable: 0/1 nodes are available: 1 Insufficient memory. no new claims\n    to deallocate"
        );
        let long = fit(&"word ".repeat(100), 13, 80);
        assert!(long.lines().count() == 5 && long.ends_with('…'), "{long}");
    }
}
