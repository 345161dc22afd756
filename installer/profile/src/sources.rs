//! The input and the output of [`load`](crate::load).

use std::path::PathBuf;

use crate::{Place, Profile, node::Node, schema::whole, shape::Shape};

/// The layers of a profile, as texts. Later ones win: the base, a shipped profile, a file, variables, remembered sets,
/// sets. A variable wins over the remembered one of its name.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The name of a shipped profile; `extends` in `file` has precedence.
    pub shipped: Option<String>,
    /// A file of the user's.
    pub file: Option<ProfileFile>,
    /// Whether a file in the current folder has the name in `shipped`; for messages only.
    pub same_named_file: bool,
    /// Environment variables with names that start with `DEVPLAT_`.
    pub variables: Vec<(String, String)>,
    /// The variables of an earlier `up`.
    pub remembered_variables: Vec<(String, String)>,
    /// The effect of a mistake in a variable.
    pub variable_mistakes: VariableMistakes,
    /// The `path=value` of each `--set` of an earlier `up`.
    pub remembered_sets: Vec<String>,
    /// The `path=value` of each `--set`.
    pub sets: Vec<String>,
    /// The path of each `--unset`, or the name of a variable. Remembered values there and below do not count.
    pub unsets: Vec<String>,
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

/// The effect of a mistake in an environment variable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VariableMistakes {
    /// The mistake is an error, for commands that change the platform.
    #[default]
    Refuse,
    /// The mistake becomes a remark and the variable is ignored, for commands that only read or delete.
    Remark,
}

/// A profile, with the place of each of its values.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The profile.
    pub profile: Profile,
    /// The shipped profile that it extends.
    pub base: &'static str,
    /// Remarks for the user, such as variables that were ignored.
    pub remarks: Vec<String>,
    /// Every `--set` in force, the remembered ones first, with absolute file names. `up` remembers them.
    pub sets: Vec<String>,
    /// Every variable in force, the remembered ones included, with absolute file names. `up` remembers them.
    pub variables: Vec<(String, String)>,
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

    /// Returns the paths that no layer sets and that `--set` takes, in the parts that the profile has.
    pub fn unset(&self) -> Vec<String> {
        let shape = Shape::of(&whole()).expect("a test checks that the whole schema is interpreted");
        shape.unset(&self.merged).iter().map(ToString::to_string).collect()
    }

    /// Returns all layers joined. A profile file with this text and without `extends` gives the same profile, so the
    /// result keeps the nulls that remove values of the base.
    pub fn to_json(&self) -> serde_json::Value {
        self.written.to_json()
    }
}
