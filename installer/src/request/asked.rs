//! The arguments of a request, and its purpose.

use std::{path::PathBuf, sync::Arc};

use devplat_profile::PlatformName;
use devplat_tool::{docker::Engine, registry::RegistryClients};
use tokio::sync::watch;

use crate::{
    command_line::{Argument, CommandLine},
    failure::Failure,
    host::Host,
    platform_context::{ClusterCache, NamedCluster, PlatformContext, TakenOver},
    state::StateFolder,
};

/// The arguments of the command line, without the verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The name of the platform, if the user named it.
    pub name: Option<PlatformName>,
    /// The profile: a shipped one, a file, or `-` for standard input.
    pub profile: Option<String>,
    /// Values of the profile.
    pub set: Vec<String>,
    /// Paths of remembered values that no longer count, or names of variables.
    pub unset: Vec<String>,
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
    /// To change the platform or its users, which needs the lock.
    Change,
    /// To show what a change would do. It refuses the values that a change refuses.
    Plan,
    /// To observe the platform. A mistake in an unrelated variable is then only a remark.
    Look,
}

impl Asked {
    /// Returns the name of the platform: the given one, else the default.
    pub fn platform(&self) -> PlatformName {
        self.name.clone().unwrap_or_default()
    }

    /// Returns the platform's context, without outputs.
    pub fn platform_context(
        &self,
        host: &Host,
        state: StateFolder,
        engine: Option<Engine>,
        named: Option<NamedCluster>,
    ) -> PlatformContext {
        PlatformContext {
            platform: self.platform(),
            account: host.account.clone(),
            take_over: self.take_over,
            taken_over: TakenOver::default(),
            command_line: self.command_line(),
            scratch_folder: state.scratch(),
            scratch_kubeconfig: state.scratch_kubeconfig(),
            state,
            outputs: Arc::default(),
            early_import: watch::Sender::default(),
            stop: host.stop.clone(),
            now: Arc::clone(&host.now),
            remark: Arc::new({
                let ui = host.ui.clone();
                move |text| ui.remark(text)
            }),
            surroundings: host.surroundings.clone(),
            engine,
            named,
            plugins: Arc::clone(&host.plugins),
            registries: RegistryClients::default(),
            cache: ClusterCache::default(),
        }
    }

    /// Returns the state folder of the platform.
    pub fn state(&self, host: &Host) -> Result<StateFolder, Failure> {
        Ok(StateFolder::below(&host.state_base()?, &self.platform()))
    }

    /// Returns the hint for an engine or a cluster that no longer exists.
    pub fn forget_hint(&self) -> String {
        self.command_line().forget_hint()
    }

    /// Returns the command line of `verb` with the given arguments that the verb takes.
    pub fn again(&self, verb: &str) -> String {
        self.command_line().of(verb)
    }

    /// Returns the given arguments, for the command lines in messages.
    pub fn command_line(&self) -> CommandLine {
        let Self { name, profile, set, unset, context, templates, yes: _, take_over, lose } = self;
        let mut given: Vec<Argument> = name.clone().map(Argument::Name).into_iter().collect();
        given.extend(profile.clone().map(Argument::Profile));
        given.extend(context.clone().map(Argument::Context));
        given.extend(templates.clone().map(Argument::Templates));
        given.extend(set.iter().cloned().map(Argument::Set));
        given.extend(unset.iter().cloned().map(Argument::Unset));
        given.extend(lose.iter().cloned().map(Argument::Lose));
        given.extend(take_over.then_some(Argument::TakeOver));
        CommandLine::new(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_given_argument_is_in_the_command_line() {
        let asked = Asked {
            name: Some("team-a".parse().unwrap()),
            profile: Some("kind".to_owned()),
            set: vec!["a=1".to_owned(), "b=2".to_owned()],
            unset: vec!["c".to_owned()],
            context: Some("there".to_owned()),
            templates: Some("own".into()),
            yes: true,
            take_over: true,
            lose: vec!["cluster".to_owned()],
        };
        assert_eq!(
            asked.again("up"),
            "devplat up --name team-a --profile kind --context there --templates own --set 'a=1' --set 'b=2' \
             --unset c --lose cluster --take-over"
        );
        assert_eq!(asked.forget_hint(), "if it no longer exists: `devplat destroy --name team-a --forget`");
    }
}
