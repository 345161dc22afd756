//! `--unset`: the remembered values that a run forgets.

use std::str::FromStr;

use crate::{Mistake, Place, mistake::SetProblem, path::KeyPath};

/// The paths and variables whose remembered values do not count.
pub(crate) struct Unsets {
    all: Vec<Unset>,
    /// The values that count, as a user gives them, each with its path.
    kept: Vec<(KeyPath, String)>,
}

struct Unset {
    /// The text on the command line: a path, or the name of a variable, which is a path of one key.
    text: String,
    path: KeyPath,
    /// Whether a remembered value was there.
    used: bool,
}

impl Unsets {
    /// Parses the texts on the command line and adds a mistake for each that is not a path.
    pub(crate) fn parse(texts: &[String], mistakes: &mut Vec<Mistake>) -> Self {
        let mut all = Vec::new();
        for text in texts {
            let problem = match (KeyPath::split(text), KeyPath::from_str(text)) {
                (Some(_), _) => SetProblem::Unset,
                (None, Err(invalid)) => SetProblem::Path(invalid),
                (None, Ok(path)) => {
                    all.push(Unset { text: text.clone(), path, used: false });
                    continue;
                }
            };
            mistakes.push(Mistake::new(&Place::Argument(format!("--unset {text}")), problem));
        }
        Self { all, kept: Vec::new() }
    }

    /// Returns whether the value at `path` is forgotten.
    pub(crate) fn has(&mut self, path: &KeyPath) -> bool {
        self.any(|unset| path.starts_with(&unset.path))
    }

    /// Returns whether the `path=value` of a `--set` is forgotten.
    pub(crate) fn has_set(&mut self, set: &str) -> bool {
        let path = KeyPath::split(set).and_then(|(path, _)| path.parse().ok());
        path.is_some_and(|path| self.has(&path))
    }

    /// Returns whether a variable is forgotten by its name, which may mean no value by now.
    pub(crate) fn has_variable(&mut self, name: &str) -> bool {
        self.any(|unset| unset.text == name)
    }

    fn any(&mut self, is: impl Fn(&Unset) -> bool) -> bool {
        let mut any = false;
        for unset in self.all.iter_mut().filter(|unset| is(unset)) {
            unset.used = true;
            any = true;
        }
        any
    }

    /// Notes the value of a variable that counts.
    pub(crate) fn keep_variable(&mut self, name: &str, path: KeyPath) {
        self.kept.push((path, format!("${name}")));
    }

    /// Notes the value of a `--set` that counts.
    pub(crate) fn keep_set(&mut self, set: &str) {
        if let Some(path) = KeyPath::split(set).and_then(|(path, _)| path.parse().ok()) {
            self.kept.push((path, format!("--set {set}")));
        }
    }

    /// Returns a remark for each path without a remembered value. It is not a mistake, because the same command line
    /// continues an interrupted `up`. Values above the path, and those of this run at it or below it, stay in force, and
    /// the remark names them.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let unused = self.all.iter().filter(|unset| !unset.used);
        let remark = |unset: &Unset| {
            let left = self.kept.iter().filter(|(path, value)| {
                path.starts_with(&unset.path)
                    || unset.path.starts_with(path)
                    || value.strip_prefix('$') == Some(&unset.text)
            });
            let left: Vec<&str> = left.map(|(_, value)| value.as_str()).collect();
            let left =
                if left.is_empty() { String::new() } else { format!("; in force: {}", left.join(", ")) };
            format!("--unset {}: no value is remembered there{left}", unset.text)
        };
        unused.map(remark).collect()
    }
}
