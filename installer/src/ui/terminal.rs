//! Progress bars on a terminal, one for each running step, up to the number that fits a screen.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Event,
    fit::{fit, width_of},
    quiet::Quiet,
    show,
};

/// The maximum number of bars; with more running steps, one bar counts the rest.
const MOST: usize = 10;
/// The key of that bar.
const REST: &str = "";
/// The columns of a bar beside its prefix and its message: the spinner, the elapsed time, and a space after each part.
const BESIDE: usize = 8;
/// The columns of a terminal that does not report its size.
const COLUMNS: u16 = 80;
/// The period of the spinners.
const TICK: Duration = Duration::from_millis(120);

/// The bars of the steps that are running.
pub(super) struct Bars {
    all: MultiProgress,
    state: Mutex<BarsState>,
}

#[derive(Default)]
struct BarsState {
    running: BTreeMap<String, ProgressBar>,
    undrawn: Vec<String>,
    quiet: Option<Quiet>,
    /// How many programs or questions have the terminal now.
    pauses: usize,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { all: MultiProgress::new(), state: Mutex::default() }
    }

    pub(super) fn report(&self, event: &Event) {
        match event {
            Event::Begun { step, action, usual_seconds } => {
                let mut state = self.state();
                if state.quiet.is_none() && state.pauses == 0 {
                    state.quiet = Quiet::start();
                }
                let usual = format!("({})", show::estimate(*usual_seconds));
                self.draw(&mut state, step, format!("{action} {step}"), usual);
            }
            Event::Waiting { step, what, detail: _ } => {
                if let Some(bar) = self.state().running.get(step) {
                    let used = width_of(&bar.prefix()) + BESIDE;
                    bar.set_message(fit(what, used, columns()));
                }
            }
            Event::Done { step, .. } | Event::Failed { step, .. } => {
                Self::erase(&mut self.state(), step);
                self.line(event);
            }
            Event::Ready { .. } | Event::Destroyed { .. } => {
                self.clear();
                self.line(event);
            }
            Event::Planned { .. }
            | Event::Stopping { .. }
            | Event::Listening { .. }
            | Event::Error { .. } => self.line(event),
        }
    }

    fn draw(&self, state: &mut BarsState, step: &str, prefix: String, message: String) {
        if state.running.len() >= MOST {
            state.undrawn.push(step.to_owned());
            let count = state.undrawn.len();
            let rest = state.running.entry(REST.to_owned()).or_insert_with(|| self.bar(String::new()));
            rest.set_message(format!("and {count} more"));
            return;
        }
        let bar = self.bar(prefix);
        bar.set_message(message);
        state.running.insert(step.to_owned(), bar);
    }

    fn bar(&self, prefix: String) -> ProgressBar {
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.all.add(ProgressBar::new_spinner().with_style(style));
        bar.set_prefix(prefix);
        bar.enable_steady_tick(TICK);
        bar
    }

    fn erase(state: &mut BarsState, step: &str) {
        if let Some(bar) = state.running.remove(step) {
            bar.finish_and_clear();
        }
        state.undrawn.retain(|undrawn| undrawn != step);
        match (state.undrawn.len(), state.running.get(REST)) {
            (0, Some(_)) => {
                if let Some(rest) = state.running.remove(REST) {
                    rest.finish_and_clear();
                }
            }
            (count, Some(rest)) => rest.set_message(format!("and {count} more")),
            (_, None) => {}
        }
    }

    pub(super) fn remark(&self, text: &str) {
        // No pause begins or ends in between.
        let _state = self.state();
        if self.all.is_hidden() {
            // On a dumb terminal and during a pause, indicatif prints nothing.
            to_stderr(text);
        } else {
            // A closed terminal is not a failure of devplat.
            let _ = self.all.println(text);
        }
    }

    /// Removes the bars from the screen and switches the echo on, so that the user sees a question and their answer.
    pub(super) fn pause(&self) {
        let mut state = self.state();
        state.pauses += 1;
        if state.pauses > 1 {
            return;
        }
        state.quiet = None;
        // A bar that is drawn after the others are cleared would stay on the screen.
        for bar in state.running.values() {
            bar.disable_steady_tick();
        }
        // A closed terminal is not a failure of devplat.
        let _ = self.all.clear();
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Ends a pause. The bars appear again after the last one.
    pub(super) fn resume(&self) {
        let mut state = self.state();
        state.pauses = state.pauses.saturating_sub(1);
        if state.pauses > 0 {
            return;
        }
        self.all.set_draw_target(ProgressDrawTarget::stderr());
        for bar in state.running.values() {
            bar.enable_steady_tick(TICK);
        }
        if !state.running.is_empty() {
            state.quiet = Quiet::start();
        }
    }

    pub(super) fn clear(&self) {
        let mut state = self.state();
        for bar in std::mem::take(&mut state.running).into_values() {
            bar.finish_and_clear();
        }
        state.undrawn.clear();
        state.quiet = None;
    }

    fn line(&self, event: &Event) {
        if let Some(line) = show::plain(event) {
            self.remark(&line);
        }
    }

    fn state(&self) -> MutexGuard<'_, BarsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the columns of the terminal at standard error.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr());
    let columns = size.map_or(COLUMNS, |size| if size.ws_col == 0 { COLUMNS } else { size.ws_col });
    columns.into()
}

/// Prints a line to standard error. Errors are ignored: there is nowhere to report them.
pub(super) fn to_stderr(line: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{line}");
}
