//! Mistakes in profiles. All of them are reported together, each with its place.

use std::fmt;

use crate::{
    Place,
    path::{InvalidPath, KeyPath},
};

/// One mistake in a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The place of the value; never in a shipped profile.
    pub place: Place,
    /// The kind of mistake.
    pub kind: MistakeKind,
    /// The names that the user probably meant, if any is near enough.
    pub nearest: Vec<String>,
}

/// The kind of a mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MistakeKind {
    /// The whole text is unusable, so missing keys are not reported.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A YAML notation that profiles do not have.
    #[error("{0} are not supported in profiles")]
    Notation(&'static str),
    /// A key that is in one map twice.
    #[error("key {0:?} is written twice")]
    DuplicateKey(String),
    /// A key that is too long for any name.
    #[error("a key of {length} bytes{}; at most {max} are allowed", in_map(.within))]
    LongKey {
        /// Its length in bytes.
        length: usize,
        /// The longest that is allowed.
        max: usize,
        /// The map that it is in.
        within: KeyPath,
    },
    /// A key that the schema does not have.
    #[error("unknown key {key:?}{}", in_map(.within))]
    UnknownKey {
        /// The key.
        key: String,
        /// The map that it is in.
        within: KeyPath,
    },
    /// A required key that is missing.
    #[error("key {key:?} is missing{}", in_map(.within))]
    MissingKey {
        /// The key.
        key: String,
        /// The map that lacks it.
        within: KeyPath,
    },
    /// A profile without a cluster that extends no shipped profile.
    #[error("the profile names no cluster; start from a shipped profile: {}", extends())]
    NoCluster,
    /// A value of the wrong type.
    #[error("{path}: {problem}")]
    Value {
        /// Where it is in the profile.
        path: KeyPath,
        /// The problem.
        problem: ValueProblem,
    },
    /// A name that no shipped profile has.
    #[error(transparent)]
    Profile(#[from] ProfileProblem),
    /// An environment variable that sets no value.
    #[error(transparent)]
    Variable(#[from] VariableProblem),
    /// A `--set` that sets no value.
    #[error(transparent)]
    Set(#[from] SetProblem),
    /// A value of the right type that is invalid, alone or together with another one.
    #[error("{0}")]
    Rule(String),
}

/// The reason why a whole text is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It does not follow the syntax of YAML.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// It has several documents, and choosing one of them would be a guess.
    #[error("{} YAML documents, at lines {}; a profile is one document", .0.len(), list(.0))]
    Documents(Vec<usize>),
    /// It is a list or a single value.
    #[error("a profile is a map of keys; begin with one such as {}", extends())]
    NotAMap,
}

/// The problem with one value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueProblem {
    /// A null in place of a required value.
    #[error("no value; expected {0}")]
    Absent(String),
    /// A value of another type.
    #[error("expected {0}")]
    Expected(String),
    /// A word other than the ones to choose from.
    #[error("{text:?} is not one of {}", .choices.join(", "))]
    Choice {
        /// The word.
        text: String,
        /// The ones to choose from.
        choices: Vec<String>,
    },
    /// A text that is not a Kubernetes quantity.
    #[error("{0:?} is not a quantity; write a number and a unit, such as 500m, 2 or 10Gi")]
    Quantity(String),
    /// A text that is not a boolean.
    #[error("{0:?} is neither true nor false")]
    Boolean(String),
    /// A text that is not an integer.
    #[error("{0:?} is not an integer")]
    Integer(String),
    /// A number or boolean in quotes.
    #[error("{0:?} is a text because of its quotes; write it without them")]
    Quoted(String),
    /// A leading zero, which YAML 1.1 reads as octal and YAML 1.2 as decimal.
    #[error("{text:?} has a leading zero, which some readers of YAML take for octal; write {decimal}")]
    LeadingZero {
        /// The number as written.
        text: String,
        /// The number without it.
        decimal: String,
    },
    /// An integer that is not written in decimal.
    #[error("{text:?} is not decimal; write {decimal}")]
    NotDecimal {
        /// The number as written.
        text: String,
        /// The number in decimal.
        decimal: i64,
    },
    /// An integer outside its limits.
    #[error("{number} is outside {min} to {max}")]
    Range {
        /// The integer.
        number: i64,
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A text that is too long for any value.
    #[error("a text of {length} bytes; at most {max} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The longest that is allowed.
        max: usize,
    },
    /// A map with too many keys.
    #[error("{keys} keys; at most {max} are allowed")]
    TooManyKeys {
        /// How many it has.
        keys: usize,
        /// How many it can have.
        max: usize,
    },
}

/// The reason why a name is not the name of a shipped profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileProblem {
    /// `--profile NAME` with an unknown name.
    #[error("there is no profile {0:?}; shipped are {names}", names = shipped())]
    Unknown(String),
    /// `--profile NAME` where a file has that name.
    #[error("there is no shipped profile {0:?}, but a file of that name here: --profile ./{0}")]
    IsAFile(String),
    /// `extends: NAME` with an unknown name.
    #[error("extends takes a shipped profile, which {0:?} is not; they are {names}", names = shipped())]
    Extends(String),
}

/// The reason why an environment variable sets no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableProblem {
    /// No value has this variable.
    #[error("no value of the profile has this variable")]
    Unknown,
    /// Several values have this variable.
    #[error("this variable means {}; use --set instead", list(.0))]
    Ambiguous(Vec<KeyPath>),
}

/// The reason why a `--set` sets no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetProblem {
    /// No `=`.
    #[error("expected path=value, such as operator.replicas=1")]
    NoValue,
    /// A text before the `=`, or after `--unset`, that is not a path.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// A key below a value that is not a map: usually the rest of a key with a dot.
    #[error(
        "{path} is not a map, so it has no keys; a dot within a key is written \\., as in flavors.gpu.resources.limits.nvidia\\.com/gpu=1"
    )]
    Below {
        /// The value.
        path: KeyPath,
    },
    /// A list entry behind the place where one can be appended.
    #[error("{path} has {length} entries, so [{index}] is beyond its end; [{length}] appends")]
    Index {
        /// The list.
        path: KeyPath,
        /// How many entries it has.
        length: usize,
        /// The one that was named.
        index: usize,
    },
    /// An `--unset` with a value.
    #[error("expected a path without a value, such as operator.replicas; --set sets a value")]
    Unset,
    /// `extends`, which only a file can have: it chooses the layer below.
    #[error("extends belongs in a profile file; use --profile here")]
    Extends,
}

fn in_map(path: &KeyPath) -> String {
    if path.is_root() { String::new() } else { format!(" in {path}") }
}

fn list(items: &[impl fmt::Display]) -> String {
    match items {
        [] => String::new(),
        [one] => one.to_string(),
        [all @ .., last] => {
            format!("{} and {last}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

fn shipped() -> String {
    let names: Vec<&str> = crate::SHIPPED.iter().map(|shipped| shipped.name).collect();
    list(&names)
}

fn extends() -> String {
    crate::SHIPPED.iter().map(|shipped| format!("`extends: {}`", shipped.name)).collect::<Vec<_>>().join(", ")
}

impl Mistake {
    pub(crate) fn new(place: &Place, kind: impl Into<MistakeKind>) -> Self {
        Self { place: place.clone(), kind: kind.into(), nearest: Vec::new() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)?;
        for (number, nearest) in self.nearest.iter().enumerate() {
            write!(f, "{} {nearest:?}", if number == 0 { "; did you mean" } else { " or" })?;
        }
        if self.nearest.is_empty() { Ok(()) } else { f.write_str("?") }
    }
}

/// All mistakes in a profile, in the order of its layers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

/// How many mistakes are printed; a file of another format can have thousands.
pub(crate) const PRINTED: usize = 20;

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "one mistake in the profile: {one}"),
            all => {
                write!(f, "{} mistakes in the profile:", all.len())?;
                all.iter().take(PRINTED).try_for_each(|mistake| write!(f, "\n  {mistake}"))?;
                match all.len().saturating_sub(PRINTED) {
                    0 => Ok(()),
                    more => write!(f, "\n  and {more} more"),
                }
            }
        }
    }
}
