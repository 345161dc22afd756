//! The lines of the table: each measurement with its goal.

use std::{fmt::Write as _, time::Instant};

use anyhow::Result;

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// The measured quantity.
    pub(crate) name: &'static str,
    /// The goal, as text.
    pub(crate) goal: &'static str,
    /// The measured value with its unit.
    pub(crate) measured: String,
    /// The origin of the value: medians, spreads, number of runs.
    pub(crate) from: String,
}

/// Several measurements of the same quantity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(pub(crate) Vec<f64>);

impl Series {
    /// Returns the median; for an even number of values, the mean of the middle two.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    /// Returns the largest value; minus infinity if there are no values.
    pub(crate) fn largest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Returns the smallest value, the largest value and the number of values.
    pub(crate) fn spread(&self) -> String {
        let smallest = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        format!("{smallest:.2} to {:.2}, n = {}", self.largest(), self.0.len())
    }

    /// Returns median and spread in seconds.
    pub(crate) fn describe(&self) -> String {
        format!("median {:.2} s ({})", self.median(), self.spread())
    }
}

/// Runs `work` and returns its seconds and its result.
pub(crate) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let begun = Instant::now();
    let done = work()?;
    Ok((begun.elapsed().as_secs_f64(), done))
}

/// Returns the table in Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = "| figure | goal | measured | from |\n|---|---|---|---|\n".to_owned();
    for Figure { name, goal, measured, from } in figures {
        let _ = writeln!(text, "| {name} | {goal} | {measured} | {from} |");
    }
    text
}
