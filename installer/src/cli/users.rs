//! `devplat users`: adds, lists and removes developers that the profile does not name.

mod add;
mod change;
mod invitation;
mod list;
mod name;
mod place;
mod remove;

use clap::{ArgMatches, Args, Subcommand};

use super::flags::{self, Before, NameFlag, OutputArgs};
use crate::{failure::Failure, host::Host, request::Purpose};
use place::{PlatformFlags, ReachedPlatform};

/// Add, list and remove developers.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devplat users add alice --key ~/.ssh/id_ed25519.pub\n  devplat users list\n  devplat users remove alice --yes"
)]
pub(super) struct Users {
    #[command(flatten)]
    before: Before,
    /// Context of an existing cluster
    #[arg(long = "context", id = "before_context", value_name = "NAME", hide = true)]
    context: Option<String>,
    #[command(subcommand)]
    what: UsersVerb,
}

#[derive(Debug, Subcommand)]
enum UsersVerb {
    /// Add a developer, or replace their keys
    Add(add::Add),
    /// List developers
    List(list::List),
    /// Remove a developer and delete their dev servers; homes stay, except those whose homeRetention is Delete
    Remove(remove::Remove),
}

impl UsersVerb {
    fn at(&mut self) -> &mut PlatformFlags {
        match self {
            Self::Add(add) => &mut add.at,
            Self::List(list) => &mut list.at,
            Self::Remove(remove) => &mut remove.at,
        }
    }
}

impl Users {
    pub(super) fn name(&mut self) -> &mut NameFlag {
        &mut self.what.at().name
    }

    pub(super) fn output(&mut self) -> &mut OutputArgs {
        &mut self.what.at().output
    }

    /// Passes the flags between `users` and its verb to that verb, unless it has the same flag. `matches` are those of
    /// `users`.
    pub(super) fn settle_flags(&mut self, matches: &ArgMatches) {
        let Self { before, context, what } = self;
        let PlatformFlags { name, context: at, output } = what.at();
        if let Some(given) = before.given_name(matches)
            && !flags::given_after(matches, "name")
        {
            name.settle(given);
        }
        if flags::given(matches, "before_context") && !flags::given_after(matches, "context") {
            at.context.clone_from(context);
        }
        let output = output.flags();
        if let Some(given) = before.given_output(matches)
            && !flags::given_after(matches, "output")
        {
            output.format.settle(given);
        }
        if let Some(verbose) = output.verbose {
            *verbose += before.verbose;
        }
    }
}

pub(super) async fn run(users: &Users, host: &Host) -> Result<(), Failure> {
    let Users { before: _, context: _, what } = users;
    match what {
        UsersVerb::Add(add) => {
            let user = name::checked(&add.user)?;
            let reached =
                ReachedPlatform::find(&add.at, Purpose::Change, add.take_over.take_over, host).await?;
            add::put(&reached, &user, add, host).await
        }
        UsersVerb::List(list) => {
            let reached = ReachedPlatform::find(&list.at, Purpose::Look, false, host).await?;
            list::list(&reached, host).await
        }
        UsersVerb::Remove(remove) => {
            let reached =
                ReachedPlatform::find(&remove.at, Purpose::Change, remove.take_over.take_over, host).await?;
            remove::remove(&reached, remove, host).await
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use devplat_tool::Surroundings;

    use crate::{
        cli::{Program, Verb, parse},
        ui::Format,
    };

    fn parsed(line: &str) -> Program {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parse(&arguments, &Surroundings::default()).unwrap()
    }

    #[test]
    fn flags_before_the_verb_of_users_apply_unless_repeated_after_it() {
        let name = |line: &str| parsed(line).verb.name().unwrap().get().unwrap().to_string();
        assert_eq!(name("devplat users --name a list"), "a");
        assert_eq!(name("devplat --name b users --name a list"), "a");
        assert_eq!(name("devplat users --name a list --name c"), "c");
        assert_eq!(name("devplat users list --name c"), "c");
        let context = |line: &str| match parsed(line).verb {
            Verb::Users(mut users) => users.what.at().context.context.clone(),
            verb => panic!("{verb:?}"),
        };
        assert_eq!(context("devplat users --context a remove bob").as_deref(), Some("a"));
        assert_eq!(context("devplat users --context a remove bob --context b").as_deref(), Some("b"));
        assert_eq!(context("devplat users remove bob"), None);
        let mut program = parsed("devplat users -v --output json list -v");
        assert_eq!(program.output(), (Format::Json, 2));
    }
}
