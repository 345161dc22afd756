//! The data of users in a cluster, which removing the platform deletes or leaves behind.

use std::fmt;

use devplat_api::{Slug, name};
use kube::{
    Client, ResourceExt,
    api::{DynamicObject, ListParams, PartialObjectMeta},
};

use super::PLATFORM_LABEL;
use crate::{
    Error, ObjectRef, Pace,
    call::{ApiServer, Call, CallVerb, if_there},
    proof,
};

/// The data of users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Data {
    /// Dev servers, without the proof's.
    pub servers: Vec<ObjectRef>,
    pub users: Vec<ObjectRef>,
    /// The claims of homes, also of deleted servers.
    pub homes: Vec<ObjectRef>,
}

impl Data {
    /// Returns whether deleting the CRDs would delete data. Homes stay.
    pub fn deleted_with_crds(&self) -> bool {
        !(self.servers.is_empty() && self.users.is_empty())
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, users, homes } = self;
        let named = |objects: &[ObjectRef], one: &str, more: &str| {
            const SHOWN: usize = 3;
            let names: Vec<String> = objects.iter().take(SHOWN).map(place).collect();
            let rest = if objects.len() > SHOWN { ", …" } else { "" };
            let what = if objects.len() == 1 { one } else { more };
            (!objects.is_empty()).then(|| format!("{} {what} ({}{rest})", objects.len(), names.join(", ")))
        };
        let parts = [
            named(servers, "dev server", "dev servers"),
            named(users, "user", "users"),
            named(homes, "home", "homes"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

fn place(object: &ObjectRef) -> String {
    match &object.namespace {
        Some(namespace) => format!("{namespace}/{}", object.name),
        None => object.name.clone(),
    }
}

/// Finds the dev servers and users in the cluster of `platform` that are not its own. Homes stay without them.
pub async fn data(client: &Client, platform: &str, pace: &dyn Pace) -> Result<Data, Error> {
    let server = ApiServer { client, pace };
    let not_ours = ListParams::default().labels(&format!("{PLATFORM_LABEL}!={platform}"));
    let (servers, users) = futures::try_join!(
        list(server, API_VERSION, "DevServer", &not_ours),
        list(server, API_VERSION, "DevUser", &not_ours),
    )?;
    Ok(Data { servers, users, homes: Vec::new() })
}

/// Finds the claims of users' homes that are not being deleted. The proof's is deleted with its dev server.
pub async fn homes(client: &Client, pace: &dyn Pace) -> Result<Data, Error> {
    let server = ApiServer { client, pace };
    let homes = list_those(server, "v1", "PersistentVolumeClaim", &of_homes(), is_home_of_user).await?;
    Ok(Data { homes, ..Data::default() })
}

/// Returns whether a home stays and is a user's, and not the proof's.
fn is_home_of_user(live: &PartialObjectMeta<DynamicObject>) -> bool {
    let of_proof = live.metadata.namespace.as_deref() == Some(Slug::of(proof::NAME).namespace().as_str());
    live.metadata.deletion_timestamp.is_none() && !of_proof
}

fn of_homes() -> ListParams {
    ListParams::default().labels(&format!(
        "{}={},{}={},{}=home",
        name::APP_LABEL,
        name::APP,
        name::MANAGED_BY,
        name::OPERATOR,
        name::COMPONENT
    ))
}

/// Finds the dev servers and users that are being deleted, without those that a release or the proof creates.
pub async fn leaving_data(client: &Client, platform: &str, pace: &dyn Pace) -> Result<Data, Error> {
    let server = ApiServer { client, pace };
    let not_ours = ListParams::default().labels(&format!("{PLATFORM_LABEL}!={platform}"));
    let leaving = |live: &PartialObjectMeta<DynamicObject>| live.metadata.deletion_timestamp.is_some();
    let (servers, users) = futures::try_join!(
        list_those(server, API_VERSION, "DevServer", &not_ours, leaving),
        list_those(server, API_VERSION, "DevUser", &not_ours, leaving),
    )?;
    Ok(Data { servers, users, homes: Vec::new() })
}

/// Lists the objects that have finalizers of the operator.
pub(super) async fn custom_resources(server: ApiServer<'_>) -> Result<Vec<ObjectRef>, Error> {
    let any = ListParams::default();
    let (servers, users) = futures::try_join!(
        list(server, API_VERSION, "DevServer", &any),
        list(server, API_VERSION, "DevUser", &any)
    )?;
    Ok([servers, users].concat())
}

const API_VERSION: &str = "apps.devservers.io/v1";

/// Lists the objects of a kind in all namespaces; none if the API server does not serve the kind.
pub(super) async fn list(
    server: ApiServer<'_>,
    api_version: &str,
    kind: &str,
    which: &ListParams,
) -> Result<Vec<ObjectRef>, Error> {
    list_those(server, api_version, kind, which, |_| true).await
}

/// Lists the objects for which `meant` returns true.
async fn list_those(
    server: ApiServer<'_>,
    api_version: &str,
    kind: &str,
    which: &ListParams,
    meant: impl Fn(&PartialObjectMeta<DynamicObject>) -> bool,
) -> Result<Vec<ObjectRef>, Error> {
    let any = ObjectRef::all(api_version, kind, None);
    let api = any.api(server.client);
    let call = Call::new(CallVerb::List, &any);
    let found = server.call(&call, || async { if_there(api.list_metadata(which).await) }).await?;
    let objects = found.into_iter().flatten().filter(meant);
    Ok(objects
        .map(|object| ObjectRef { namespace: object.namespace(), name: object.name_any(), ..any.clone() })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_of_the_proof_is_not_a_users() {
        let home = |namespace: &str| {
            let object = serde_json::json!({"metadata": {"name": "mydev-home", "namespace": namespace}});
            serde_json::from_value::<PartialObjectMeta<DynamicObject>>(object).unwrap()
        };
        assert!(is_home_of_user(&home("dev-alice")));
        assert!(!is_home_of_user(&home("dev-devplat-proof")));
    }

    #[test]
    fn data_is_shown_by_number_and_name() {
        let server = |name: &str| ObjectRef {
            api_version: API_VERSION.to_owned(),
            kind: "DevServer".to_owned(),
            namespace: Some("dev-ann".to_owned()),
            name: name.to_owned(),
        };
        let data = Data {
            servers: ["a", "b", "c", "d"].map(server).to_vec(),
            users: vec![ObjectRef { namespace: None, ..server("ann") }],
            homes: Vec::new(),
        };
        assert_eq!(data.to_string(), "4 dev servers (dev-ann/a, dev-ann/b, dev-ann/c, …), 1 user (ann)");
        assert!(data.deleted_with_crds());
        assert_eq!(Data::default().to_string(), "nothing");
    }
}
