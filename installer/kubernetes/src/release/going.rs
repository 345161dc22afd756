//! The dev servers that the operator deletes with DevUsers which a release no longer wants.

use std::fmt;

use devplat_api::{DevServer, DevUser, server::HomeRetention};
use kube::{Client, ResourceExt, api::ListParams};

use super::{inventory, readiness::typed};
use crate::{
    Error, ObjectRef, Pace,
    call::{ApiServer, Call, CallVerb, if_there},
};

/// A DevUser that is deleted, with the dev servers that are deleted with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoingUser {
    pub user: String,
    /// The names of the dev servers.
    pub servers: Vec<String>,
    /// The names of those whose homes are deleted as well, because their homeRetention is Delete.
    pub with_home: Vec<String>,
}

impl fmt::Display for GoingUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How many dev servers are named.
        const SHOWN: usize = 10;
        let Self { user, servers, with_home } = self;
        let what = if servers.len() == 1 { "dev server" } else { "dev servers" };
        let shown = servers.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        write!(f, "{what} {shown}")?;
        if servers.len() > SHOWN {
            write!(f, " and {} more", servers.len() - SHOWN)?;
        }
        write!(f, " of user {user}")?;
        if with_home.is_empty() {
            return Ok(());
        }
        let home = if with_home.len() == 1 { "the home" } else { "the homes" };
        write!(f, ", and {home} of {}, whose homeRetention is Delete", with_home.join(", "))
    }
}

/// Finds the DevUsers of a release that are not wanted and have dev servers, for a release that cannot be rendered yet.
pub async fn going(
    client: &Client,
    platform: &str,
    release: &str,
    is_wanted: impl Fn(&str) -> bool,
    pace: &dyn Pace,
) -> Result<Vec<GoingUser>, Error> {
    let server = ApiServer { client, pace };
    let inventory = inventory::read_whole(server, platform, release).await?.ours().unwrap_or_default();
    let surplus: Vec<ObjectRef> =
        inventory.objects.into_iter().filter(|object| !is_wanted(&object.name)).collect();
    Box::pin(going_users(server, &surplus)).await
}

/// Finds the dev servers of the DevUsers among `surplus`. Users without any are left out.
pub(super) async fn going_users(
    server: ApiServer<'_>,
    surplus: &[ObjectRef],
) -> Result<Vec<GoingUser>, Error> {
    let mut going = Vec::new();
    for object in surplus.iter().filter(|object| object.kind == "DevUser") {
        let Some(user) = server.read(object).await?.as_ref().and_then(typed::<DevUser>) else { continue };
        // Use the namespace in the status: one with the expected name may belong to another owner.
        let Some(namespace) = user.status.and_then(|status| status.namespace) else { continue };
        let all = ObjectRef::all(&object.api_version, "DevServer", Some(&namespace));
        let api = all.api(server.client);
        let call = Call::new(CallVerb::List, &all);
        let found = server.call(&call, || async { if_there(api.list(&ListParams::default()).await) }).await?;
        let servers = found.into_iter().flatten().filter_map(|live| typed::<DevServer>(&live)).collect();
        going.extend(going_user(&object.name, servers));
    }
    Ok(going)
}

/// Returns the user with those of `servers` that are not being deleted yet; `None` without any.
fn going_user(user: &str, servers: Vec<DevServer>) -> Option<GoingUser> {
    let stay: Vec<DevServer> =
        servers.into_iter().filter(|server| server.metadata.deletion_timestamp.is_none()).collect();
    let loses_home = |server: &&DevServer| match server.spec.home_retention {
        HomeRetention::Delete => true,
        HomeRetention::Retain => false,
    };
    let with_home = stay.iter().filter(loses_home).map(ResourceExt::name_any).collect();
    let servers: Vec<String> = stay.iter().map(ResourceExt::name_any).collect();
    (!servers.is_empty()).then(|| GoingUser { user: user.to_owned(), servers, with_home })
}

#[cfg(test)]
mod tests {
    use devplat_api::DevServerSpec;

    use super::*;

    fn server(name: &str, home_retention: HomeRetention) -> DevServer {
        DevServer::new(name, DevServerSpec { home_retention, ..DevServerSpec::default() })
    }

    #[test]
    fn dev_servers_of_a_user_are_named_with_lost_homes() {
        let text = |servers| going_user("demo", servers).map(|going| going.to_string());
        let kept = server("mydev", HomeRetention::Retain);
        assert_eq!(text(vec![kept.clone()]).as_deref(), Some("dev server mydev of user demo"));
        let lost = server("scratch", HomeRetention::Delete);
        assert_eq!(
            text(vec![kept.clone(), lost]).as_deref(),
            Some(
                "dev servers mydev, scratch of user demo, and the home of scratch, whose homeRetention is Delete"
            )
        );
        let mut leaving = kept;
        leaving.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
        ));
        assert_eq!(text(vec![leaving]), None);
    }
}
