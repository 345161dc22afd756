//! The only module that prints. Results go to standard output, progress goes to standard error. With `--output json`,
//! both are JSON on standard output, one document or event per line.

mod event;
mod fit;
mod prompt;
mod quiet;
mod show;
mod terminal;

pub use event::Event;
pub use prompt::Confirmation;
pub use show::{duration, estimate, verdict};

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use clap::ValueEnum;
use devplat_tool::Surroundings;
use terminal::{Bars, to_stderr};

use crate::{failure::Failure, long_wait};

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For machines: JSON documents and events, one per line.
    Json,
}

/// The output of devplat. Clones share it.
#[derive(Clone)]
pub struct Ui {
    output: Arc<OutputMode>,
    /// The first failure to write to standard output.
    lost: Arc<OnceLock<io::Error>>,
    /// Whether errors are printed in colours.
    colours: bool,
}

enum OutputMode {
    Terminal(Bars),
    Plain,
    Json,
    Recorded(Mutex<Transcript>),
}

/// The output of a run, kept for a test.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    pub events: Vec<Event>,
    /// Its documents and texts.
    pub said: Vec<String>,
}

impl Ui {
    /// Returns an output in `format`, with bars if standard error is a terminal.
    pub fn new(format: Format, colours: bool) -> Self {
        let output = match format {
            Format::Json => OutputMode::Json,
            Format::Human if io::stderr().is_terminal() => OutputMode::Terminal(Bars::new()),
            Format::Human => OutputMode::Plain,
        };
        Self { output: Arc::new(output), lost: Arc::default(), colours }
    }

    /// Returns an output that prints nothing and keeps everything.
    pub fn recording() -> Self {
        Self {
            output: Arc::new(OutputMode::Recorded(Mutex::default())),
            lost: Arc::default(),
            colours: false,
        }
    }

    /// Returns the kept output so far; empty unless this is [`Ui::recording`].
    pub fn transcript(&self) -> Transcript {
        match &*self.output {
            OutputMode::Recorded(transcript) => {
                transcript.lock().unwrap_or_else(PoisonError::into_inner).clone()
            }
            OutputMode::Terminal(_) | OutputMode::Plain | OutputMode::Json => Transcript::default(),
        }
    }

    /// Returns whether the format is JSON.
    pub fn is_json(&self) -> bool {
        matches!(*self.output, OutputMode::Json)
    }

    /// Reports the progress of a long operation.
    pub fn report(&self, event: &Event) {
        match &*self.output {
            OutputMode::Terminal(bars) => bars.report(event),
            OutputMode::Plain => {
                if let Some(line) = show::plain(event) {
                    to_stderr(&line);
                } else if let Event::Waiting { step, what, detail: _ } = event
                    && tracing::enabled!(tracing::Level::DEBUG)
                {
                    to_stderr(&format!("{step}: {what}"));
                }
            }
            OutputMode::Json => self.print(&serde_json::to_string(event).expect("an event is JSON")),
            OutputMode::Recorded(_) => self.keep(|transcript| transcript.events.push(event.clone())),
        }
    }

    /// Prints a result as it is, such as a table or a manifest.
    pub fn say(&self, text: &str) {
        let text = text.trim_end_matches('\n');
        match &*self.output {
            OutputMode::Recorded(_) => self.keep(|transcript| transcript.said.push(text.to_owned())),
            OutputMode::Terminal(_) | OutputMode::Plain | OutputMode::Json => self.print(text),
        }
    }

    /// Prints a result as one JSON document: on one line for machines, indented for people.
    pub fn document(&self, value: &impl serde::Serialize) {
        let text = match &*self.output {
            OutputMode::Json => serde_json::to_string(value),
            OutputMode::Terminal(_) | OutputMode::Plain | OutputMode::Recorded(_) => {
                serde_json::to_string_pretty(value)
            }
        };
        self.say(&text.expect("a document is JSON"));
    }

    /// Prints a result: a text for people, a document for machines.
    pub fn outcome(&self, text: &str, value: &impl serde::Serialize) {
        if self.is_json() { self.document(value) } else { self.say(text) }
    }

    /// Prints a remark for people; not with JSON.
    pub fn remark(&self, text: &str) {
        match &*self.output {
            OutputMode::Terminal(bars) => bars.remark(text),
            OutputMode::Plain => to_stderr(text),
            OutputMode::Json => {}
            OutputMode::Recorded(_) => self.keep(|transcript| transcript.said.push(text.to_owned())),
        }
    }

    /// Runs `work`. If it takes more than 2 s, prints for people what is waited for.
    pub async fn awaited<T>(&self, what: impl FnOnce() -> String, work: impl Future<Output = T>) -> T {
        long_wait::reported(what, work, |text| self.remark(text)).await
    }

    /// Prints the help or the version that a command line requests, or the help that it gets for a missing verb.
    pub fn help(&self, error: &clap::Error) {
        let printed = error.print().and_then(|()| io::stdout().flush());
        // clap prints the help for a missing verb to standard error, whose failures cannot be reported.
        if !error.use_stderr() {
            self.remember_loss(printed);
        }
    }

    /// Asks a yes-or-no question. A request to stop ends it.
    pub fn confirm(&self, question: &str, stopped: &dyn Fn() -> bool) -> Confirmation {
        match &*self.output {
            OutputMode::Terminal(_) => {
                let _paused = self.pause();
                prompt::ask(question, stopped)
            }
            OutputMode::Plain | OutputMode::Json | OutputMode::Recorded(_) => Confirmation::NoTerminal,
        }
    }

    /// Hides the bars and switches the echo on until the result is dropped, for a question at the terminal.
    pub fn pause(&self) -> Paused {
        if let OutputMode::Terminal(bars) = &*self.output {
            bars.pause();
        }
        Paused { ui: self.clone() }
    }

    /// Prints a failure with its causes, then its hints.
    pub fn error(&self, failure: &Failure) {
        let Failure { exit, message, causes, hints, cause: _ } = failure;
        if let OutputMode::Json | OutputMode::Recorded(_) = &*self.output {
            self.report(&Event::Error {
                message: message.clone(),
                causes: causes.clone(),
                hints: hints.clone(),
                exit: exit.status(),
            });
            // A full disk loses this event as well, so people and logs get it as text.
            if self.lost().is_none() {
                return;
            }
        }
        if let OutputMode::Terminal(bars) = &*self.output {
            bars.clear();
        }
        to_stderr(&show::error(message, causes, hints, self.colours));
    }

    /// Returns the first failure to write to standard output, such as a full disk.
    pub fn lost(&self) -> Option<&io::Error> {
        self.lost.get()
    }

    /// Prints a line to standard output. A closed pipe (`devplat status | head -1`) is not a failure of devplat.
    fn print(&self, line: &str) {
        let mut out = io::stdout().lock();
        self.remember_loss(writeln!(out, "{line}").and_then(|()| out.flush()));
    }

    /// Keeps the first failure to write to standard output.
    fn remember_loss(&self, written: io::Result<()>) {
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.lost.get_or_init(|| error);
        }
    }

    fn keep(&self, keep: impl FnOnce(&mut Transcript)) {
        if let OutputMode::Recorded(transcript) = &*self.output {
            keep(&mut transcript.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// A pause of the bars, until this is dropped.
#[must_use = "the bars appear again when it is dropped"]
pub struct Paused {
    ui: Ui,
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let OutputMode::Terminal(bars) = &*self.ui.output {
            bars.resume();
        }
    }
}

/// Returns a failure as text without colours, as it is printed without a terminal.
#[cfg(test)]
pub(crate) fn error_text(failure: &Failure) -> String {
    show::error(&failure.message, &failure.causes, &failure.hints, false)
}

/// Returns whether errors and the log are printed in colours: on a terminal, unless `NO_COLOR` switches them off.
pub fn wants_colours(surroundings: &Surroundings) -> bool {
    io::stderr().is_terminal() && surroundings.get("NO_COLOR").is_none()
}

/// Returns the output of the log.
pub fn log() -> io::Stderr {
    io::stderr()
}
