//! `devplat users remove`: deletes the dev servers of a user first, so that only homes keep the namespace, then the
//! user. If the run is killed before the user is gone, the same command continues.

use std::time::Duration;

use clap::Args;
use devplat_api::{DevServer, DevUser, Slug, name, server::HomeRetention};
use devplat_kubernetes::release::ADDED_USERS;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use tokio::time::Instant;

use super::{
    super::{
        confirm::confirm,
        flags::{AnswerFlags, TakeOver},
    },
    name::is_possible,
    place::{PlatformFlags, ReachedPlatform, Write, call_failure, refuse_profile_user, write_failure},
};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::PlatformContext,
};

/// How long dev servers may take to be gone: their processes have 30 s to end.
const PATIENCE: Duration = Duration::from_mins(2);
/// The period between two checks.
const PERIOD: Duration = Duration::from_millis(300);

const EXAMPLES: &str = "\
Example:
  devplat users remove alice --yes

Deletes the user's access and dev servers, with all that is outside of their homes. Homes stay, in
the user's namespace dev-NAME, except those of dev servers whose homeRetention is Delete. A user who
is added again under the same name finds the homes again. To delete the homes, delete the
namespace with kubectl. Without --yes, the command lists the dev servers and asks.";

/// Remove a developer and delete their dev servers; homes stay.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Remove {
    /// Their name
    user: String,
    #[command(flatten)]
    answers: AnswerFlags,
    #[command(flatten)]
    pub(super) take_over: TakeOver,
    #[command(flatten)]
    pub(super) at: PlatformFlags,
}

pub(super) async fn remove(reached: &ReachedPlatform, remove: &Remove, host: &Host) -> Result<(), Failure> {
    let Remove { user, answers, take_over: _, at: _ } = remove;
    let (context, api) = (&reached.context, &reached.api);
    let failed = |error| call_failure(error, &format!("read DevUser {user}"), &context.command("up"));
    let live = if is_possible(user) { api.get_opt(user).await.map_err(failed)? } else { None };
    let Some(live) = live else {
        return remove_rest(reached, user, answers, host).await;
    };
    refuse_profile_user(&live, context)?;
    // Use the namespace in the status: one with the expected name may belong to another owner.
    let namespace = live.status.as_ref().and_then(|status| status.namespace.clone());
    let client = context.client().await?;
    let servers: Option<Api<DevServer>> = namespace.as_ref().map(|name| Api::namespaced(client, name));
    let theirs = list(servers.as_ref(), context).await?;
    if let Some(maker) = other_maker(&live) {
        host.ui.remark(&format!("note: {maker} created user {user}, not devplat, and may create it again"));
    }
    confirm(&question(user, namespace.as_deref(), &theirs), "nothing was done", answers.yes, host)?;
    delete_servers(servers.as_ref(), user, theirs, context, host).await?;
    if let Err(error) = api.delete(user, &DeleteParams::default()).await {
        return Err(write_failure(context, Write::Delete, &live, error).await);
    }
    host.ui.outcome(&format!("removed user {user}"), &serde_json::json!({"is": "removed", "user": user}));
    // Dev servers that the user created in the meantime.
    delete_servers(servers.as_ref(), user, list(servers.as_ref(), context).await?, context, host).await
}

/// Returns the program that created a user, by its field manager, if it was not devplat.
fn other_maker(live: &DevUser) -> Option<&str> {
    // The operator sets finalizers and the status.
    let managers = || live.managed_fields().iter().filter_map(|fields| fields.manager.as_deref());
    let of_devplat = managers().any(|manager| manager == ADDED_USERS);
    let others = managers().find(|manager| *manager != name::OPERATOR);
    others.filter(|_| !of_devplat)
}

/// Deletes the dev servers of a user that no longer exists, as after an older devplat. Fails if there are none.
async fn remove_rest(
    reached: &ReachedPlatform,
    user: &str,
    answers: &AnswerFlags,
    host: &Host,
) -> Result<(), Failure> {
    let context = &reached.context;
    let none = || {
        Failure::new(Exit::Usage, format!("there is no user {user:?}"))
            .hint(format!("`{}` lists them", context.command("users list")))
    };
    let left = if is_possible(user) { left_servers(user, context).await? } else { None };
    let Some((servers, theirs)) = left else { return Err(none()) };
    let namespace = Slug::of(user).namespace();
    let asked = question(user, Some(&namespace), &theirs);
    let asked = format!("user {user} no longer exists, but has dev servers; {asked}");
    confirm(&asked, "nothing was done", answers.yes, host)?;
    delete_servers(Some(&servers), user, theirs, context, host).await?;
    let done = format!("deleted the dev servers of user {user}, who did not exist any more");
    host.ui.outcome(&done, &serde_json::json!({"is": "removed", "user": user}));
    Ok(())
}

/// Returns the dev servers in the namespace of a user that does not exist; `None` without any, or if the namespace is not
/// that user's.
pub(super) async fn left_servers(
    user: &str,
    context: &PlatformContext,
) -> Result<Option<(Api<DevServer>, Vec<DevServer>)>, Failure> {
    let (slug, client) = (Slug::of(user), context.client().await?);
    let spaces: Api<Namespace> = Api::all(client.clone());
    let failed =
        |error| call_failure(error, &format!("find Namespace {}", slug.namespace()), &context.command("up"));
    let own = ListParams::default().fields(&format!("metadata.name={}", slug.namespace())).labels(&format!(
        "{}={}",
        name::USER_LABEL,
        slug.as_str()
    ));
    if spaces.list(&own).await.map_err(failed)?.items.is_empty() {
        return Ok(None);
    }
    let servers = Api::namespaced(client, &slug.namespace());
    let theirs = list(Some(&servers), context).await?;
    Ok((!theirs.is_empty()).then_some((servers, theirs)))
}

/// How many dev servers the question names.
const NAMED: usize = 10;

/// Returns the question. It names what is deleted, with homes that the administrator may not expect among it, and what
/// stays.
fn question(user: &str, namespace: Option<&str>, servers: &[DevServer]) -> String {
    let going: Vec<String> = servers
        .iter()
        .filter(|server| match server.spec.home_retention {
            HomeRetention::Delete => true,
            HomeRetention::Retain => false,
        })
        .map(ResourceExt::name_any)
        .collect();
    let place = namespace.map_or_else(String::new, |namespace| format!(" in namespace {namespace}"));
    let homes = if going.is_empty() {
        format!("Homes stay{place}.")
    } else {
        format!("Homes stay{place}, except those of {}, whose homeRetention is Delete.", going.join(", "))
    };
    let names: Vec<String> = servers.iter().take(NAMED).map(ResourceExt::name_any).collect();
    let names = names.join(", ");
    match servers.len() {
        0 => format!("remove user {user}? They have no dev server. {homes}"),
        1 => format!("remove user {user} and delete their dev server {names}? {homes}"),
        count @ ..=NAMED => {
            format!("remove user {user} and delete their {count} dev servers ({names})? {homes}")
        }
        count => format!(
            "remove user {user} and delete their {count} dev servers ({names} and {} more)? {homes}",
            count - NAMED
        ),
    }
}

async fn list(
    servers: Option<&Api<DevServer>>,
    context: &PlatformContext,
) -> Result<Vec<DevServer>, Failure> {
    let Some(servers) = servers else { return Ok(Vec::new()) };
    let all = servers
        .list(&ListParams::default())
        .await
        .map_err(|error| call_failure(error, "list DevServers", &context.command("up")))?;
    Ok(all.items)
}

/// Deletes the dev servers and waits until the namespace has none.
async fn delete_servers(
    servers: Option<&Api<DevServer>>,
    user: &str,
    theirs: Vec<DevServer>,
    context: &PlatformContext,
    host: &Host,
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
                    Err(error) => return Err(write_failure(context, Write::Delete, server, error).await),
                }
            }
            if !told.contains(&name) {
                host.ui.remark(&format!("deleting dev server {name} of {user}"));
                told.push(name);
            }
        }
        if begun.elapsed() > PATIENCE {
            let names: Vec<String> = left.iter().map(ResourceExt::name_any).collect();
            return Err(Failure::new(
                Exit::PartWay,
                format!(
                    "dev servers of {user} were not gone after {} s: {}",
                    PATIENCE.as_secs(),
                    names.join(", ")
                ),
            )
            .hint(format!(
                "check the operator with `{}`, then run the same command again",
                context.command("status")
            )));
        }
        context.pause(PERIOD).await?;
        left = list(Some(servers), context).await?;
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
    fn question_names_what_is_deleted_and_what_stays() {
        let of = |servers: &[DevServer]| question("bob", Some("dev-bob"), servers);
        assert_eq!(question("bob", None, &[]), "remove user bob? They have no dev server. Homes stay.");
        let kept = server("kept", HomeRetention::Retain);
        assert_eq!(
            of(std::slice::from_ref(&kept)),
            "remove user bob and delete their dev server kept? Homes stay in namespace dev-bob."
        );
        let going = server("going", HomeRetention::Delete);
        assert_eq!(
            of(&[kept.clone(), going]),
            "remove user bob and delete their 2 dev servers (kept, going)? Homes stay in namespace dev-bob, except \
             those of going, whose homeRetention is Delete."
        );
        let many = of(&vec![kept; 12]);
        assert!(many.contains("12 dev servers (kept, ") && many.contains("kept and 2 more)?"), "{many}");
    }
}
