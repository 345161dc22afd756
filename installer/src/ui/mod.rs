//! The only place that prints. What a command found goes to standard output, how it goes on to standard error; with
//! `--output json` both are JSON on standard output, one document or event a line.

mod event;
mod prompt;
mod quiet;
mod show;
mod terminal;

pub use event::Event;
pub use prompt::Answer;
pub use show::{duration, verdict};

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use clap::ValueEnum;
use terminal::Bars;

use crate::failure::Failure;

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For machines: JSON documents and events, one a line.
    Json,
}

/// Where everything goes that devplat prints. Clones share it.
#[derive(Clone)]
pub struct Ui {
    output: Arc<Output>,
}

enum Output {
    Terminal(Bars),
    Plain,
    Json,
    Recorded(Mutex<Record>),
}

/// What a run printed, kept for a test that drives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Its events.
    pub events: Vec<Event>,
    /// Its documents and texts.
    pub said: Vec<String>,
}

impl Ui {
    /// Prints as `format` asks for and as the terminal at standard error allows.
    pub fn new(format: Format) -> Self {
        let output = match format {
            Format::Json => Output::Json,
            Format::Human if io::stderr().is_terminal() => Output::Terminal(Bars::new()),
            Format::Human => Output::Plain,
        };
        Self { output: Arc::new(output) }
    }

    /// Prints nothing and keeps everything.
    pub fn recording() -> Self {
        Self { output: Arc::new(Output::Recorded(Mutex::default())) }
    }

    /// What was printed so far; nothing unless this is [`Ui::recording`].
    pub fn record(&self) -> Record {
        match &*self.output {
            Output::Recorded(record) => record.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Output::Terminal(_) | Output::Plain | Output::Json => Record::default(),
        }
    }

    /// Whether JSON is wanted.
    pub fn is_json(&self) -> bool {
        matches!(*self.output, Output::Json)
    }

    /// Reports how a long operation goes on.
    pub fn report(&self, event: &Event) {
        match &*self.output {
            Output::Terminal(bars) => bars.report(event),
            Output::Plain => {
                if let Some(line) = show::plain(event) {
                    to_stderr(&line);
                }
            }
            Output::Json => to_stdout(&serde_json::to_string(event).expect("an event is JSON")),
            Output::Recorded(_) => self.keep(|record| record.events.push(event.clone())),
        }
    }

    /// Prints what was asked for, as it is: a table, a manifest.
    pub fn say(&self, text: &str) {
        let text = text.trim_end_matches('\n');
        match &*self.output {
            Output::Recorded(_) => self.keep(|record| record.said.push(text.to_owned())),
            Output::Terminal(_) | Output::Plain | Output::Json => to_stdout(text),
        }
    }

    /// Prints what was asked for as one JSON document: on one line for machines, indented for people.
    pub fn document(&self, value: &impl serde::Serialize) {
        let text = match &*self.output {
            Output::Json => serde_json::to_string(value),
            Output::Terminal(_) | Output::Plain | Output::Recorded(_) => serde_json::to_string_pretty(value),
        };
        self.say(&text.expect("a document is JSON"));
    }

    /// Prints a remark for people; machines do not get it.
    pub fn remark(&self, text: &str) {
        match &*self.output {
            Output::Terminal(bars) => bars.remark(text),
            Output::Plain => to_stderr(text),
            Output::Json => {}
            Output::Recorded(_) => self.keep(|record| record.said.push(text.to_owned())),
        }
    }

    /// Asks a question that takes yes or no, until it is answered or the user asks to stop.
    pub fn confirm(&self, question: &str, stopped: &dyn Fn() -> bool) -> Answer {
        match &*self.output {
            Output::Terminal(bars) => bars.paused(|| prompt::ask(question, stopped)),
            Output::Plain | Output::Json | Output::Recorded(_) => Answer::NoTerminal,
        }
    }

    /// Prints a failure with its causes, then what to do.
    pub fn error(&self, failure: &Failure) {
        let Failure { exit, message, causes, hints, cause: _ } = failure;
        if let Output::Json | Output::Recorded(_) = &*self.output {
            self.report(&Event::Error {
                message: message.clone(),
                causes: causes.clone(),
                hints: hints.clone(),
                exit: exit.status(),
            });
            return;
        }
        if let Output::Terminal(bars) = &*self.output {
            bars.clear();
        }
        to_stderr(&show::error(message, causes, hints, io::stderr().is_terminal() && colours()));
    }

    fn keep(&self, keep: impl FnOnce(&mut Record)) {
        if let Output::Recorded(record) = &*self.output {
            keep(&mut record.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// A failure as text without colours, as it comes to where no terminal is.
#[cfg(test)]
pub(crate) fn error_text(failure: &Failure) -> String {
    show::error(&failure.message, &failure.causes, &failure.hints, false)
}

/// Whether colours are wanted: `NO_COLOR` says no.
pub fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A reader that went away (`devplat status | head -1`) is not a failure of devplat's.
fn to_stdout(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn to_stderr(line: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{line}");
}
