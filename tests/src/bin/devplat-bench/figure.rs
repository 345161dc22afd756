//! One line of the table: what was measured, beside what, and the goal.

use std::fmt::Write as _;

/// A figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What.
    pub(crate) name: &'static str,
    /// What it should be, in words.
    pub(crate) goal: &'static str,
    /// What was measured, in words, with its unit.
    pub(crate) measured: String,
    /// Where that comes from: medians, spreads, how often.
    pub(crate) from: String,
}

/// Several measurements of the same thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(pub(crate) Vec<f64>);

impl Series {
    /// The one in the middle; of an even number, the mean of the two there.
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

    /// The largest; minus infinity where there is none.
    pub(crate) fn largest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Smallest, largest and number.
    pub(crate) fn spread(&self) -> String {
        let smallest = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        format!("{smallest:.2} to {:.2}, n = {}", self.largest(), self.0.len())
    }

    /// Median and spread, of seconds.
    pub(crate) fn describe(&self) -> String {
        format!("median {:.2} s ({})", self.median(), self.spread())
    }
}

/// The table, in Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = "| figure | goal | measured | from |\n|---|---|---|---|\n".to_owned();
    for Figure { name, goal, measured, from } in figures {
        let _ = writeln!(text, "| {name} | {goal} | {measured} | {from} |");
    }
    text
}
