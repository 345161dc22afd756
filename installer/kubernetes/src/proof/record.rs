//! The record of a proof in the cluster, so that an unchanged platform is not proved again.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch},
};

use super::Enforcement;
use crate::{
    Error, ObjectRef, Pace,
    call::{ApiServer, Call, CallVerb, if_there},
    lasting,
    release::{self, NAMESPACE, PLATFORM_LABEL, PROOF_RECORD},
};

const DIGEST: &str = "digest";
const NODES: &str = "nodesStarted";
const DEPLOYMENTS: &str = "deployments";
const NETWORK_POLICIES: &str = "networkPolicies";

/// The result of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRecord {
    /// The digest of the proved platform.
    pub digest: String,
    /// A digest of the times at which the nodes were started; `None` if it was not known.
    pub started: Option<String>,
    /// The identities of the proved Deployments, from [`identities`]; `None` in a record of an older devplat.
    pub deployments: Option<String>,
    /// Whether the cluster enforces `NetworkPolicies`; `None` if that was not tried.
    pub policies: Option<Enforcement>,
}

/// Reads the result of the last proof; `None` if there was none.
pub async fn recorded(client: &Client, pace: &dyn Pace) -> Result<Option<ProofRecord>, Error> {
    let maps = maps(client);
    let call = Call::new(CallVerb::Read, &record_ref());
    let attempt = || async { if_there(maps.get(PROOF_RECORD).await) };
    let live = ApiServer { client, pace }.call(&call, attempt).await?;
    Ok(live.and_then(|live| {
        let mut data = live.data?;
        let policies = data.remove(NETWORK_POLICIES).and_then(|value| Enforcement::from_record(&value));
        let (started, deployments) = (data.remove(NODES), data.remove(DEPLOYMENTS));
        Some(ProofRecord { digest: data.remove(DIGEST)?, started, deployments, policies })
    }))
}

/// Records the result of a successful proof.
pub async fn record(
    client: &Client,
    platform: &str,
    record: &ProofRecord,
    pace: &dyn Pace,
) -> Result<(), Error> {
    let ProofRecord { digest, started, deployments, policies } = record;
    let policies = policies.map(|policies| (NETWORK_POLICIES.to_owned(), policies.as_str().to_owned()));
    let started = started.clone().map(|started| (NODES.to_owned(), started));
    let deployments = deployments.clone().map(|deployments| (DEPLOYMENTS.to_owned(), deployments));
    let digest = (DIGEST.to_owned(), digest.clone());
    let data = [digest].into_iter().chain(started).chain(deployments).chain(policies);
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(PROOF_RECORD.to_owned()),
            labels: Some(release::labels(platform)),
            ..ObjectMeta::default()
        },
        data: Some(data.collect()),
        ..ConfigMap::default()
    };
    let maps = maps(client);
    let attempt = || async {
        maps.patch(PROOF_RECORD, &release::apply_params(), &Patch::Apply(&map)).await.map(|_| ())
    };
    let call = Call::new(CallVerb::Apply, &record_ref()).with_labels(map.labels());
    ApiServer { client, pace }.call(&call, attempt).await
}

/// Returns the identities of `deployments`, which change when one is deleted and created again; `None` if one is absent or
/// is about to be deleted, by itself or with its namespace.
pub async fn identities(
    client: &Client,
    deployments: &[ObjectRef],
    pace: &dyn Pace,
) -> Result<Option<String>, Error> {
    let server = ApiServer { client, pace };
    let looks = deployments.iter().map(|deployment| lasting::uid(server, deployment));
    let uids = futures::future::try_join_all(looks).await?;
    Ok(uids.into_iter().collect::<Option<Vec<String>>>().map(|uids| uids.join(" ")))
}

/// Deletes the record of `platform`.
pub async fn forget(client: &Client, platform: &str, pace: &dyn Pace) -> Result<(), Error> {
    let server = ApiServer { client, pace };
    let ours = server.metadata(&record_ref()).await?;
    if ours.is_none_or(|live| live.labels().get(PLATFORM_LABEL).is_none_or(|value| value != platform)) {
        return Ok(());
    }
    let maps = maps(client);
    let attempt =
        || async { if_there(maps.delete(PROOF_RECORD, &DeleteParams::default()).await).map(|_| ()) };
    server.call(&Call::new(CallVerb::Delete, &record_ref()), attempt).await
}

/// Returns the reference to the record.
pub fn record_ref() -> ObjectRef {
    ObjectRef::config_map(NAMESPACE, PROOF_RECORD)
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}
