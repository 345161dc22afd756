//! Bars on a terminal, one for each running step.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Event, show};

/// The bars of the steps that run.
pub(super) struct Bars {
    all: MultiProgress,
    running: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { all: MultiProgress::new(), running: Mutex::default() }
    }

    pub(super) fn tell(&self, event: &Event) {
        match event {
            Event::Begun { step, action, usual_seconds } => {
                let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner());
                let bar = self.all.add(ProgressBar::new_spinner().with_style(style));
                bar.set_prefix(format!("{action} {step}"));
                bar.set_message(format!("(usually {})", show::duration(*usual_seconds)));
                bar.enable_steady_tick(Duration::from_millis(120));
                self.running().insert(step.clone(), bar);
            }
            Event::Waiting { step, what } => {
                if let Some(bar) = self.running().get(step) {
                    bar.set_message(what.clone());
                }
            }
            Event::Done { step, .. } | Event::Failed { step, .. } => {
                if let Some(bar) = self.running().remove(step) {
                    bar.finish_and_clear();
                }
                self.line(event);
            }
            Event::Ready { .. } | Event::Destroyed { .. } => {
                self.clear();
                self.line(event);
            }
            Event::Planned { .. } | Event::Stopping { .. } | Event::Error { .. } => self.line(event),
        }
    }

    pub(super) fn remark(&self, text: &str) {
        // A terminal that went away is no failure of ours.
        let _ = self.all.println(text);
    }

    pub(super) fn paused<T>(&self, during: impl FnOnce() -> T) -> T {
        self.all.suspend(during)
    }

    pub(super) fn clear(&self) {
        for (_, bar) in self.running().drain() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, event: &Event) {
        if let Some(line) = show::plain(event) {
            self.remark(&line);
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
