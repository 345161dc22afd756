//! The arguments of a request, and its purpose.

use std::{path::PathBuf, sync::Arc};

use devplat_profile::PlatformName;
use devplat_tool::docker::Engine;

use crate::{
    context::{NamedCluster, Parts},
    failure::Failure,
    host::Host,
    state::StateFolder,
};

/// The arguments of the command line, without the verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The platform.
    pub name: PlatformName,
    /// The profile: a shipped one, a file, or `-` for standard input.
    pub profile: Option<String>,
    /// Values of the profile.
    pub set: Vec<String>,
    /// The context of an existing cluster.
    pub context: Option<String>,
    /// A folder with templates in place of devplat's own.
    pub templates: Option<PathBuf>,
    /// Whether questions are answered with yes.
    pub yes: bool,
    /// Whether to continue with a platform of another account.
    pub take_over: bool,
    /// Ids of resources whose data may be lost.
    pub lose: Vec<String>,
}

/// The purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To change the platform, which needs the lock.
    Change,
    /// To observe the platform, or to change only users. A mistake in an unrelated variable is then only a remark.
    Look,
}

impl Asked {
    /// Returns the parts of the platform's context.
    pub fn parts(
        &self,
        host: &Host,
        state: StateFolder,
        engine: Option<Engine>,
        named: Option<NamedCluster>,
    ) -> Parts {
        Parts {
            platform: self.name.clone(),
            account: host.account.clone(),
            take_over: self.take_over,
            state,
            stop: host.stop.clone(),
            now: Arc::clone(&host.now),
            surroundings: host.surroundings.clone(),
            engine,
            named,
            plugins: Arc::clone(&host.plugins),
        }
    }

    /// Returns the state folder of the platform.
    pub fn state(&self, host: &Host) -> Result<StateFolder, Failure> {
        Ok(StateFolder::below(&host.state_base()?, &self.name))
    }

    /// Returns the hint for an engine or a cluster that no longer exists. `--forget` takes no place.
    pub fn forget_hint(&self) -> String {
        let only_name = Self { name: self.name.clone(), ..Self::default() };
        format!("if it no longer exists: `{} --forget`", only_name.again("destroy"))
    }

    /// Returns the command line that continues, with all given arguments.
    pub fn again(&self, verb: &str) -> String {
        let Self { name, profile, set, context, templates, yes: _, take_over, lose } = self;
        let mut words = vec!["devplat".to_owned(), verb.to_owned()];
        let mut option = |option: &str, value: &str| {
            words.push(option.to_owned());
            words.push(quoted(value));
        };
        if *name != PlatformName::default() {
            option("--name", name.as_str());
        }
        if let Some(profile) = profile {
            option("--profile", profile);
        }
        if let Some(context) = context {
            option("--context", context);
        }
        // destroy needs no templates.
        if let Some(templates) = templates.as_ref().filter(|_| verb != "destroy") {
            option("--templates", &templates.display().to_string());
        }
        for set in set {
            option("--set", set);
        }
        // destroy has its own flag for that.
        for id in lose.iter().filter(|_| verb != "destroy") {
            option("--lose", id);
        }
        if *take_over {
            words.push("--take-over".to_owned());
        }
        words.join(" ")
    }
}

/// Quotes a value for a shell.
pub fn quoted(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}
