//! The variables, the home folder and the clock of the caller.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use aws_types::os_shim_internal::Env;
use jiff::Timestamp;

/// Returns the time.
pub(crate) type AwsClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The variables, the home folder and the clock of the caller.
#[derive(Clone)]
pub struct CallerSettings {
    /// Environment variables, by name.
    pub variables: BTreeMap<String, String>,
    /// The home folder, if there is one.
    pub home: Option<PathBuf>,
    /// Returns the time.
    pub now: AwsClock,
}

impl CallerSettings {
    /// Returns the value of a variable. An empty one counts as unset, as for the AWS CLI.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the variables as aws-config takes them, with the home folder.
    pub(crate) fn env(&self) -> Env {
        let mut variables: std::collections::HashMap<String, String> =
            self.variables.clone().into_iter().collect();
        if let Some(home) = self.home.as_ref().and_then(|home| home.to_str()) {
            variables.insert("HOME".to_owned(), home.to_owned());
        }
        Env::from(variables)
    }
}

impl fmt::Debug for CallerSettings {
    /// Shows no values, because some variables are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variables, home, now: _ } = self;
        f.debug_struct("CallerSettings")
            .field("variables", &variables.keys())
            .field("home", home)
            .finish_non_exhaustive()
    }
}
