//! `devplat users`: adds, lists and removes developers that the profile does not name.

mod add;
mod list;
mod remove;

use clap::{Args, Subcommand};
use devplat_api::DevUser;
use kube::Api;

use super::flags::{Answers, Context, Name, Output};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    request::{self, Asked},
    resource::reach_cluster,
};

/// Add, list and remove developers.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  devplat users add alice --key ~/.ssh/id_ed25519.pub\n  devplat users list\n  devplat users remove alice --yes"
)]
pub(super) enum Users {
    /// Add a developer, or replace their keys
    Add(add::Add),
    /// List developers
    List(List),
    /// Remove a developer with their dev servers; homes stay, unless they are deleted with their dev server
    Remove(Remove),
}

/// The platform.
#[derive(Debug, Args)]
pub(super) struct Where {
    #[command(flatten)]
    name: Name,
    #[command(flatten)]
    context: Context,
    #[command(flatten)]
    output: Output,
}

/// The arguments of `users list`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  devplat users list --output json")]
pub(super) struct List {
    #[command(flatten)]
    at: Where,
}

/// The arguments of `users remove`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  devplat users remove alice --yes")]
pub(super) struct Remove {
    /// Their name
    user: String,
    #[command(flatten)]
    answers: Answers,
    #[command(flatten)]
    at: Where,
}

impl Users {
    fn at(&mut self) -> &mut Where {
        match self {
            Self::Add(add) => &mut add.at,
            Self::List(list) => &mut list.at,
            Self::Remove(remove) => &mut remove.at,
        }
    }

    pub(super) fn name(&mut self) -> &mut Name {
        &mut self.at().name
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.at().output
    }

    pub(super) fn shared_output(&self) -> &Output {
        match self {
            Self::Add(add) => &add.at.output,
            Self::List(list) => &list.at.output,
            Self::Remove(remove) => &remove.at.output,
        }
    }
}

pub(super) async fn run(users: &Users, host: &Host) -> Result<(), Failure> {
    let at = match users {
        Users::Add(add) => &add.at,
        Users::List(list) => &list.at,
        Users::Remove(remove) => &remove.at,
    };
    let asked = Asked { name: at.name.get(), context: at.context.context.clone(), ..Asked::default() };
    let standing = request::standing(&asked, host).await?;
    let world = &standing.world;
    reach_cluster(world).await?;
    let api: Api<DevUser> = Api::all(world.client().await?);
    match users {
        Users::Add(add) => add::put(world, &api, add, host).await,
        Users::List(_) => list::list(&api, &asked, host).await,
        Users::Remove(remove) => remove::remove(world, &api, remove, host).await,
    }
}

/// Converts the error of a call about users. If the API server does not serve the kind, there is no platform.
fn call_failure(error: kube::Error, what: &str, asked: &str) -> Failure {
    let error = devplat_kubernetes::call::call_error(what, None, error);
    if error.is_kind_absent() {
        return Failure::new(Exit::Usage, "there is no platform in this cluster")
            .hint(format!("`{asked}` installs one; --context names another cluster"));
    }
    Failure::from(error)
}
