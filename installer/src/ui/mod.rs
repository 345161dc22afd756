//! The only place that prints. What a command found goes to standard output, how it goes on to standard error;
//! with `--output json` both are JSON on standard output, one document or event a line.

mod event;
mod prompt;
mod show;
mod terminal;

pub use event::Event;
pub use prompt::Answer;

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use clap::ValueEnum;
use terminal::Bars;

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For machines: JSON documents and events, one a line.
    Json,
}

/// Where everything that devplat says goes through. Clones speak through the same mouth.
#[derive(Clone)]
pub struct Ui {
    inner: Arc<Mouth>,
}

enum Mouth {
    Terminal(Bars),
    Plain,
    Json,
}

impl Ui {
    /// Speaks as `format` asks and as the terminal at standard error allows.
    pub fn new(format: Format) -> Self {
        let inner = match format {
            Format::Json => Mouth::Json,
            Format::Human if io::stderr().is_terminal() => Mouth::Terminal(Bars::new()),
            Format::Human => Mouth::Plain,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether JSON is wanted.
    pub fn is_json(&self) -> bool {
        matches!(*self.inner, Mouth::Json)
    }

    /// Tells how a long operation goes on.
    pub fn tell(&self, event: &Event) {
        match &*self.inner {
            Mouth::Terminal(bars) => bars.tell(event),
            Mouth::Plain => {
                if let Some(line) = show::plain(event) {
                    to_stderr(&line);
                }
            }
            Mouth::Json => to_stdout(&serde_json::to_string(event).expect("an event is JSON")),
        }
    }

    /// Says what was asked for, as it is: a document, a table, a manifest.
    pub fn say(&self, text: &str) {
        to_stdout(text.trim_end_matches('\n'));
    }

    /// Says what was asked for as one JSON document.
    pub fn document(&self, value: &impl serde::Serialize) {
        to_stdout(&serde_json::to_string_pretty(value).expect("a document is JSON"));
    }

    /// A remark for people, kept from machines.
    pub fn remark(&self, text: &str) {
        match &*self.inner {
            Mouth::Terminal(bars) => bars.remark(text),
            Mouth::Plain => to_stderr(text),
            Mouth::Json => {}
        }
    }

    /// Asks a question that takes yes or no.
    pub fn confirm(&self, question: &str) -> Answer {
        match &*self.inner {
            Mouth::Terminal(bars) => bars.paused(|| prompt::ask(question)),
            Mouth::Plain | Mouth::Json => Answer::NobodyThere,
        }
    }

    /// An error with its causes, then what to do.
    pub fn error(&self, message: &str, causes: &[String], hints: &[String], exit: u8) {
        if self.is_json() {
            self.tell(&Event::Error {
                message: message.to_owned(),
                causes: causes.to_vec(),
                hints: hints.to_vec(),
                exit,
            });
            return;
        }
        if let Mouth::Terminal(bars) = &*self.inner {
            bars.clear();
        }
        to_stderr(&show::error(message, causes, hints, io::stderr().is_terminal() && colours()));
    }
}

/// A number of bytes as people say it.
pub fn size(bytes: u64) -> String {
    show::size(bytes)
}

/// An error as text without colours, as it comes to where no terminal is.
#[cfg(test)]
pub(crate) fn error_text(message: &str, causes: &[String], hints: &[String]) -> String {
    show::error(message, causes, hints, false)
}

/// Whether colours are wanted: `NO_COLOR` says no.
fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A reader that went away (`devplat status | head -1`) is no failure of ours.
fn to_stdout(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn to_stderr(line: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{line}");
}
