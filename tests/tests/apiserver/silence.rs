//! An operator with nothing to do writes nothing, neither at its start nor at a resync, and a new version of the
//! operator does not restart running servers.

use devplat_api::{
    DevServer, DevServerFlavor, DevUser,
    condition::{ConditionType, Reason},
    server::Phase,
};
use devplat_tests::waiting::until;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;

use super::{
    cluster::{PATIENCE, Quiet, quiet},
    namespace::{self, Kind, Namespace, becomes, make},
    operator::{Operator, defaults},
};

pub(crate) const FIRST: &str = "operator-a";
pub(crate) const SECOND: &str = "operator-b";

#[tokio::test]
async fn restart_of_the_operator_writes_nothing() {
    let quiet = quiet().await;
    let first = started(quiet.operator(FIRST)).await;
    let space = settled(&quiet, "silence-restart", "selma").await;
    first.stop();
    let begun = Timestamp::now();
    let second = started(quiet.operator(SECOND)).await;
    looked_at_everything(&second, &space).await;
    assert_eq!(written(&quiet, begun).await, [""; 0]);
    second.stop();
}

#[tokio::test]
async fn resync_of_an_unchanged_cluster_writes_nothing() {
    let quiet = quiet().await;
    let operator = started(quiet.operator(FIRST)).await;
    let space = settled(&quiet, "silence-look", "sonja").await;
    assert_eq!(resync(&quiet, &operator, &space.client, "silence").await, [""; 0]);
    operator.stop();
}

#[tokio::test]
async fn new_server_needs_seven_writes_or_six_with_its_own_flavor() {
    let quiet = quiet().await;
    let operator = started(quiet.operator(FIRST)).await;
    let client = quiet.client().await;
    let nobodys = Namespace::on(client.clone(), "silence-new").await;
    make_user(&client, "sigrid").await;
    let space = Namespace { client, name: "dev-sigrid".to_owned() };
    idle(&operator).await;
    let writes = server_made(&quiet, &operator, &space, "mydev", json!({})).await;
    assert_eq!(writes.len(), 7, "{writes:#?}");
    // In a namespace without a user, the first server adds the NetworkPolicy.
    let first = server_made(&quiet, &operator, &nobodys, "mydev", json!({})).await;
    assert_eq!(first.len(), 8, "{first:#?}");
    let second = server_made(&quiet, &operator, &nobodys, "other", json!({})).await;
    assert_eq!(second.len(), 7, "{second:#?}");
    let named = server_made(&quiet, &operator, &space, "named", json!({"flavor": "cpu-small"})).await;
    assert_eq!(named.len(), 6, "{named:#?}");
    // A pod that is created before its keys waits for the kubelet's next attempt; one before its home could mount a
    // foreign claim.
    let place = |what: &str| writes.iter().position(|line| line.contains(what)).unwrap();
    for before in ["create secrets", "create persistentvolumeclaims"] {
        assert!(place(before) < place("create deployments"), "{writes:#?}");
    }
    operator.stop();
}

#[tokio::test]
async fn new_server_reports_that_it_waits_for_an_operator() {
    let quiet = quiet().await;
    let space = Namespace::on(quiet.client().await, "silence-nobody").await;
    space.server("mydev", json!({})).await;
    let server = space.get::<DevServer>("mydev").await;
    let status = server.status.unwrap();
    assert_eq!((status.phase, status.ready, status.observed_generation), (Phase::Pending, false, None));
    let [ready] = &status.conditions[..] else { panic!("{:?}", status.conditions) };
    let said = (&*ready.type_, &*ready.status, &*ready.reason, &*ready.message);
    assert_eq!(said, ("Ready", "Unknown", "Starting", "waiting for the operator to make it"));
    // The transition time must come from the operator, not from the CRD's default.
    let operator = started(quiet.operator(FIRST)).await;
    let status = space.ready("mydev").await.status.unwrap();
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert!(ready.last_transition_time.0 >= server.metadata.creation_timestamp.unwrap().0);
    operator.stop();
}

#[tokio::test]
async fn upgrade_of_the_operator_restarts_no_server() {
    let quiet = quiet().await;
    let old = started(quiet.operator(FIRST)).await;
    let space = settled(&quiet, "silence-upgrade", "susan").await;
    let pod = space.pod("mydev").await;
    old.stop();
    let newer = devplat_operator::Defaults { agent_image: "devplat.local/agent:2".to_owned(), ..defaults() };
    let new = started(quiet.operator_with(SECOND, newer)).await;
    space.says("mydev", ConditionType::RestartPending, "True", Reason::TemplateChanged).await;
    assert_eq!(space.pod("mydev").await.uid(), pod.uid());
    assert!(space.ready("mydev").await.status.unwrap().ready);
    new.stop();
}

/// Returns the writes for a new server until there is nothing left to do.
async fn server_made(
    quiet: &Quiet,
    operator: &Operator,
    space: &Namespace,
    name: &str,
    spec: serde_json::Value,
) -> Vec<String> {
    let before = quiet.writes().await.len();
    space.server(name, spec).await;
    space.ready(name).await;
    idle(operator).await;
    let writes = quiet.writes().await.into_iter().skip(before).map(|entry| entry.line());
    writes.filter(|line| line.contains(&format!("{}/", space.name))).collect()
}

/// Creates a namespace with a ready server, and a user, and waits until there is nothing left to do.
async fn settled(quiet: &Quiet, name: &str, user: &str) -> Namespace {
    let space = Namespace::on(quiet.client().await, name).await;
    space.server("mydev", json!({})).await;
    make_user(&space.client, user).await;
    space.ready("mydev").await;
    space
}

/// Creates a user and waits for its namespace.
pub(crate) async fn make_user(client: &Client, name: &str) {
    let users: Api<DevUser> = Api::all(client.clone());
    make(&users, json!({"metadata": {"name": name}, "spec": {}})).await;
    becomes(&users, name, "to have a namespace", |user: &DevUser| {
        user.status.as_ref().is_some_and(|status| status.namespace.is_some())
    })
    .await;
}

/// Has an idle operator reconcile all dev servers. Returns its writes, without those of the flavor `name`.
pub(crate) async fn resync(quiet: &Quiet, operator: &Operator, client: &Client, name: &str) -> Vec<String> {
    let before = looks(operator, "DevServer").await.unwrap();
    let begun = Timestamp::now();
    // The creation or deletion of a flavor reconciles all servers.
    let flavors = Api::<DevServerFlavor>::all(client.clone());
    namespace::flavor(client, name, json!({})).await;
    flavors.delete(name, &DeleteParams::default()).await.unwrap();
    until("another look", PATIENCE, async || match looks(operator, "DevServer").await? {
        looks if looks > before => Ok(()),
        looks => Err(format!("{looks} looks")),
    })
    .await
    .unwrap();
    idle(operator).await;
    written(quiet, begun).await.into_iter().filter(|line| !line.contains("devserverflavors")).collect()
}

pub(crate) async fn started(operator: Operator) -> Operator {
    until("it to lead", PATIENCE, async || operator.leads().await).await.unwrap();
    operator
}

/// Waits until a new operator has reconciled everything.
pub(crate) async fn looked_at_everything(operator: &Operator, space: &Namespace) {
    let there = [
        ("DevServer", count::<DevServer>(&space.client).await),
        ("DevServerFlavor", count::<DevServerFlavor>(&space.client).await),
        ("DevUser", count::<DevUser>(&space.client).await),
    ];
    for (kind, there) in there {
        assert!(there > 0, "no {kind} to reconcile");
        until(format!("a reconcile of each {kind}"), PATIENCE, async || {
            let looks = looks(operator, kind).await?;
            if looks >= there { Ok(()) } else { Err(format!("{looks} of {there}")) }
        })
        .await
        .unwrap();
    }
    idle(operator).await;
}

/// Waits until the operator's queue is empty.
pub(crate) async fn idle(operator: &Operator) {
    until("an empty queue", PATIENCE, async || {
        let depth = operator.metric("devplat_operator_queue_depth").await?;
        if depth.values().eq([&0]) { Ok(()) } else { Err(format!("{depth:?}")) }
    })
    .await
    .unwrap();
}

async fn count<K: Kind>(client: &Client) -> u64 {
    let list = Api::<K>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    list.items.len().try_into().unwrap()
}

async fn looks(operator: &Operator, kind: &str) -> Result<u64, String> {
    let looks = operator.metric("devplat_operator_reconciles_total").await?;
    Ok(looks.get(&format!("{{kind=\"{kind}\"}}")).copied().unwrap_or_default())
}

/// Returns the writes of operators since a time.
pub(crate) async fn written(quiet: &Quiet, since: Timestamp) -> Vec<String> {
    let writes = quiet.writes().await.into_iter().filter(|entry| entry.request_received_timestamp >= since);
    writes.map(|entry| entry.line()).collect()
}
