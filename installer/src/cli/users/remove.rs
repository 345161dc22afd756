//! `devplat users remove`: the dev servers of a user first, so that nothing keeps their namespace but homes, then the
//! user. Killed before the user is gone, the same command goes on.

use std::time::{Duration, Instant};

use devplat_api::{DevServer, DevUser, server::HomeRetention};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};

use super::{Global, call_failed};
use crate::{
    failure::{Exit, Failure},
    ui::{Answer, Ui},
    world::World,
};

/// How long dev servers may take to be gone: their processes get 30 s to end.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often is looked.
const PERIOD: Duration = Duration::from_millis(300);

pub(super) async fn remove(
    global: &Global,
    world: &World,
    api: &Api<DevUser>,
    user: &str,
    ui: &Ui,
) -> Result<(), Failure> {
    let live = api.get_opt(user).await.map_err(|error| call_failed(&error))?;
    let Some(live) = live else {
        return Err(Failure::new(Exit::Usage, format!("there is no user {user:?}"))
            .hint(format!("`{}` names them", world.command("users list"))));
    };
    if live.labels().contains_key(devplat_kubernetes::release::PLATFORM_LABEL) {
        return Err(Failure::new(Exit::Usage, format!("user {user} comes from the profile"))
            .hint("take them out of the profile, then run `devplat up`"));
    }
    // Named once it is the user's: one of the same name may be somebody else's.
    let namespace = live.status.and_then(|status| status.namespace);
    let client = world.client().await?;
    let servers: Option<Api<DevServer>> = namespace.map(|name| Api::namespaced(client, &name));
    let theirs = list(servers.as_ref()).await?;
    if !global.yes {
        match ui.confirm(&question(user, &theirs)) {
            Answer::Yes => {}
            Answer::No => return Err(Failure::new(Exit::Usage, "nothing was done")),
            Answer::NobodyThere => {
                return Err(Failure::new(Exit::Usage, "nothing was done: nobody is here to confirm it")
                    .hint("--yes confirms it"));
            }
        }
    }
    delete_servers(servers.as_ref(), user, theirs, ui).await?;
    api.delete(user, &DeleteParams::default()).await.map_err(|error| call_failed(&error))?;
    ui.say(&format!("user {user} is kept out from now on"));
    // What they made in the last moment.
    delete_servers(servers.as_ref(), user, list(servers.as_ref()).await?, ui).await
}

/// What is asked; names homes that go, since nobody expects that of a home.
fn question(user: &str, servers: &[DevServer]) -> String {
    let going: Vec<String> = servers
        .iter()
        .filter(|server| match server.spec.home_retention {
            HomeRetention::Delete => true,
            HomeRetention::Retain => false,
        })
        .map(ResourceExt::name_any)
        .collect();
    let homes = if going.is_empty() {
        "Homes stay.".to_owned()
    } else {
        format!("Homes stay, but not of {}: their owner wanted them deleted together.", going.join(", "))
    };
    match servers.len() {
        0 => format!("keep {user} out? They have no dev server. Homes stay."),
        1 => format!("keep {user} out, and delete their dev server? {homes}"),
        count => format!("keep {user} out, and delete their {count} dev servers? {homes}"),
    }
}

async fn list(servers: Option<&Api<DevServer>>) -> Result<Vec<DevServer>, Failure> {
    let Some(servers) = servers else { return Ok(Vec::new()) };
    let all = servers.list(&ListParams::default()).await.map_err(|error| call_failed(&error))?;
    Ok(all.items)
}

/// Deletes them, and waits until all that there are in the namespace are gone.
async fn delete_servers(
    servers: Option<&Api<DevServer>>,
    user: &str,
    theirs: Vec<DevServer>,
    ui: &Ui,
) -> Result<(), Failure> {
    let Some(servers) = servers else { return Ok(()) };
    let begun = Instant::now();
    let mut left = theirs;
    let mut told = Vec::new();
    while !left.is_empty() {
        for server in &left {
            let name = server.name_any();
            if server.metadata.deletion_timestamp.is_none() {
                match servers.delete(&name, &DeleteParams::default()).await {
                    Ok(_) => {}
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(call_failed(&error)),
                }
            }
            if !told.contains(&name) {
                ui.remark(&format!("deleting dev server {name} of {user}"));
                told.push(name);
            }
        }
        if begun.elapsed() > PATIENCE {
            let names: Vec<String> = left.iter().map(ResourceExt::name_any).collect();
            return Err(Failure::new(
                Exit::PartWay,
                format!(
                    "dev servers of {user} are not gone after {} s: {}",
                    PATIENCE.as_secs(),
                    names.join(", ")
                ),
            )
            .hint("`devplat status` tells whether the operator works; the same command goes on"));
        }
        tokio::time::sleep(PERIOD).await;
        left = list(Some(servers)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, home_retention: HomeRetention) -> DevServer {
        let mut server = DevServer::new(name, devplat_api::DevServerSpec::default());
        server.spec.home_retention = home_retention;
        server
    }

    #[test]
    fn question_names_the_homes_that_go() {
        assert_eq!(question("bob", &[]), "keep bob out? They have no dev server. Homes stay.");
        let kept = server("kept", HomeRetention::Retain);
        assert_eq!(
            question("bob", std::slice::from_ref(&kept)),
            "keep bob out, and delete their dev server? Homes stay."
        );
        let going = server("going", HomeRetention::Delete);
        assert_eq!(
            question("bob", &[kept, going]),
            "keep bob out, and delete their 2 dev servers? Homes stay, but not of going: their owner wanted them \
             deleted together."
        );
    }
}
