//! What a profile is read from, and what comes out.

use std::path::PathBuf;

use crate::{Place, Profile, node::Node};

/// The layers of a profile, as texts. Later ones win: the base, a shipped profile, a file, variables, remembered sets,
/// sets.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The name of a shipped profile; `extends` in `file` has precedence.
    pub shipped: Option<String>,
    /// A file of the user's.
    pub file: Option<ProfileFile>,
    /// Whether a file has the name in `shipped`, here, which only matters for messages.
    pub same_named_file: bool,
    /// Environment variables with names that start with `DEVPLAT_`.
    pub variables: Vec<(String, String)>,
    /// What a mistake in a variable does.
    pub variable_mistakes: VariableMistakes,
    /// The `path=value` of each `--set` of an earlier `up`.
    pub remembered_sets: Vec<String>,
    /// The `path=value` of each `--set`.
    pub sets: Vec<String>,
    /// The folder that relative file names in variables and sets start from.
    pub base_folder: PathBuf,
}

/// A profile file of the user's.
#[derive(Debug, Clone, Default)]
pub struct ProfileFile {
    /// The name as the user wrote it, for messages.
    pub name: String,
    /// The folder that relative file names in it start from; that of [`Sources::base_folder`] if missing.
    pub folder: Option<PathBuf>,
    /// The text.
    pub text: String,
}

/// What a mistake in an environment variable does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VariableMistakes {
    /// It is a mistake like any other, for commands that change something.
    #[default]
    Refuse,
    /// It becomes a remark and the variable is ignored, for commands that only look or delete.
    Remark,
}

/// A profile, and where each of its values was written.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The profile.
    pub profile: Profile,
    /// The shipped profile that it rests on.
    pub base: &'static str,
    /// Remarks for the user, such as variables that were ignored.
    pub remarks: Vec<String>,
    /// Every `--set` in force, the remembered ones first, with absolute file names: what to remember.
    pub sets: Vec<String>,
    pub(crate) written: Node,
    pub(crate) merged: Node,
}

impl Loaded {
    /// Returns each value with its path, which `--set` takes as it is, and the place that decided it.
    pub fn origins(&self) -> Vec<(String, serde_json::Value, Place)> {
        let leaves = self.merged.leaves();
        leaves
            .into_iter()
            .map(|(path, node)| (path.to_string(), node.to_json(), node.place.clone()))
            .collect()
    }

    /// Returns all layers joined. As the text of a profile file without `extends`, it gives the same profile, so it
    /// keeps the nulls that take away what the base has.
    pub fn to_json(&self) -> serde_json::Value {
        self.written.to_json()
    }
}
