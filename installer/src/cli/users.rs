//! `devplat users`: adds, lists and removes developers that the profile does not name.

mod add;
mod list;
mod place;
mod remove;

use clap::Subcommand;
use devplat_api::DevUser;
use kube::Api;

use super::flags::{Name, Output};
use crate::{
    failure::Failure,
    host::Host,
    request::{self, Asked, Purpose},
    resource::reach_cluster,
};
use place::Where;

/// Add, list and remove developers.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  devplat users add alice --key ~/.ssh/id_ed25519.pub\n  devplat users list\n  devplat users remove alice --yes"
)]
pub(super) enum Users {
    /// Add a developer, or replace their keys
    Add(add::Add),
    /// List developers
    List(list::List),
    /// Remove a developer with their dev servers; homes stay, unless they are deleted with their dev server
    Remove(remove::Remove),
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
}

pub(super) async fn run(users: &Users, host: &Host) -> Result<(), Failure> {
    let at = match users {
        Users::Add(add) => &add.at,
        Users::List(list) => &list.at,
        Users::Remove(remove) => &remove.at,
    };
    let asked = Asked { name: at.name.get(), context: at.context.context.clone(), ..Asked::default() };
    // `up` and `destroy` change the same objects.
    let _locked = match users {
        Users::Add(_) | Users::Remove(_) => Some(request::lock(&asked.state(host)?)?),
        Users::List(_) => None,
    };
    let standing = request::standing(&asked, host, Purpose::Look).await?;
    let context = &standing.context;
    reach_cluster(context).await?;
    let api: Api<DevUser> = Api::all(context.client().await?);
    match users {
        Users::Add(add) => add::put(context, &api, add, host).await,
        Users::List(_) => list::list(&api, &asked, host).await,
        Users::Remove(remove) => remove::remove(context, &api, remove, host).await,
    }
}
