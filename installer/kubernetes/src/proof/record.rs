//! The record of a proof in the cluster, so that an unchanged platform is not proved again.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch},
};

use crate::{
    Error, ObjectRef, Pace,
    call::{ApiServer, Call, Verb, if_there},
    release::{self, NAMESPACE, PLATFORM_LABEL, PROOF_RECORD},
};

const DIGEST: &str = "digest";

/// Reads the digest of the proved platform; `None` if there was no proof.
pub async fn recorded(client: &Client, pace: &dyn Pace) -> Result<Option<String>, Error> {
    let maps = maps(client);
    let call = Call::new(Verb::Read, &reference());
    let attempt = || async { if_there(maps.get(PROOF_RECORD).await) };
    let live = ApiServer { client, pace }.call(&call, attempt).await?;
    Ok(live.and_then(|live| live.data?.remove(DIGEST)))
}

/// Records that the platform with this digest was proved.
pub async fn record(client: &Client, platform: &str, digest: &str, pace: &dyn Pace) -> Result<(), Error> {
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(PROOF_RECORD.to_owned()),
            labels: Some(release::labels(platform)),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(DIGEST.to_owned(), digest.to_owned())])),
        ..ConfigMap::default()
    };
    let maps = maps(client);
    let attempt = || async {
        maps.patch(PROOF_RECORD, &release::apply_params(), &Patch::Apply(&map)).await.map(|_| ())
    };
    ApiServer { client, pace }.call(&Call::new(Verb::Apply, &reference()), attempt).await
}

/// Deletes the record of `platform`.
pub async fn forget(client: &Client, platform: &str, pace: &dyn Pace) -> Result<(), Error> {
    let server = ApiServer { client, pace };
    let ours = server.metadata(&reference()).await?;
    if ours.is_none_or(|live| live.labels().get(PLATFORM_LABEL).is_none_or(|value| value != platform)) {
        return Ok(());
    }
    let maps = maps(client);
    let attempt =
        || async { if_there(maps.delete(PROOF_RECORD, &DeleteParams::default()).await).map(|_| ()) };
    server.call(&Call::new(Verb::Delete, &reference()), attempt).await
}

fn reference() -> ObjectRef {
    ObjectRef::config_map(NAMESPACE, PROOF_RECORD)
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}
