//! Two replicas: one leads, the other takes over, and never do both write.

use std::time::Duration;

use devplat_tests::waiting::until;
use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    cluster::{PATIENCE, Quiet, quiet},
    namespace::Namespace,
    operator::{self, Operator},
};

const FIRST: &str = "operator-a";
const SECOND: &str = "operator-b";
/// How long a handover may take on a busy machine; shorter than the lease of 15 s.
const HANDOVER: Duration = Duration::from_secs(8);

#[tokio::test]
async fn stopping_replica_hands_over_before_its_lease_ends() {
    let quiet = quiet().await;
    let begun = Timestamp::now();
    let (first, second) = two(&quiet).await;
    let space = works(&quiet, "leader-told-a").await;
    assert_eq!(writers(&quiet, &space, begun).await, [FIRST]);

    first.stop();
    until("the other replica to lead", HANDOVER, async || second.leads().await).await.unwrap();
    let space = works(&quiet, "leader-told-b").await;
    assert_eq!(writers(&quiet, &space, begun).await, [SECOND]);
    one_after_the_other(&quiet, begun).await;
    second.stop();
}

#[tokio::test]
async fn killed_replica_is_replaced_after_its_lease_ends() {
    let quiet = quiet().await;
    let begun = Timestamp::now();
    let (first, second) = two(&quiet).await;
    works(&quiet, "leader-dead-a").await;

    first.die();
    until("the other replica to lead", PATIENCE, async || second.leads().await).await.unwrap();
    let space = works(&quiet, "leader-dead-b").await;
    assert_eq!(writers(&quiet, &space, begun).await, [SECOND]);
    one_after_the_other(&quiet, begun).await;
    second.stop();
}

#[tokio::test]
async fn replica_whose_lease_is_taken_stops_working() {
    let quiet = quiet().await;
    let first = quiet.operator(FIRST);
    until("it to lead", PATIENCE, async || first.leads().await).await.unwrap();
    let leases: Api<Lease> = Api::namespaced(quiet.client().await, operator::NAMESPACE);
    let taken = Patch::Merge(json!({"spec": {"holderIdentity": "another"}}));
    leases.patch(operator::NAME, &PatchParams::default(), &taken).await.unwrap();
    until("it to step down", PATIENCE, async || match first.leads().await {
        Err(seen) if seen.starts_with("leader: ") => Ok(()),
        seen => Err(format!("{seen:?}")),
    })
    .await
    .unwrap();

    let stepped_down = Timestamp::now();
    let space = Namespace::on(quiet.client().await, "leader-taken").await;
    space.server("mydev", json!({})).await;
    // No process renews the taken lease, so it expires.
    let ready = async {
        space.ready("mydev").await;
    };
    let led = async {
        until("it to lead again", PATIENCE, async || first.leads().await).await.unwrap();
    };
    tokio::join!(ready, led);
    let acquired = leases.get(operator::NAME).await.unwrap().spec.unwrap().acquire_time.unwrap().0;
    let between: Vec<String> = quiet
        .writes()
        .await
        .into_iter()
        .filter(|entry| entry.user.username == FIRST)
        .filter(|entry| (stepped_down..acquired).contains(&entry.request_received_timestamp))
        .map(|entry| entry.line())
        .collect();
    assert_eq!(between, [""; 0]);
    first.stop();
}

/// Starts two operators with full caches. The first leads and the second waits.
async fn two(quiet: &Quiet) -> (Operator, Operator) {
    let first = quiet.operator(FIRST);
    until("the first to lead", PATIENCE, async || first.leads().await).await.unwrap();
    let second = quiet.operator(SECOND);
    until("the second to be ready", PATIENCE, async || match second.get("/readyz").await? {
        (200, _) => Ok(()),
        (_, said) => Err(said),
    })
    .await
    .unwrap();
    assert!(second.leads().await.is_err(), "one leads already");
    (first, second)
}

/// Returns a namespace in which a dev server became ready.
async fn works(quiet: &Quiet, name: &str) -> Namespace {
    let space = Namespace::on(quiet.client().await, name).await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    space
}

/// Returns the operators that wrote to `space`.
async fn writers(quiet: &Quiet, space: &Namespace, since: Timestamp) -> Vec<String> {
    let mut users: Vec<String> = quiet
        .writes()
        .await
        .into_iter()
        .filter(|entry| entry.request_received_timestamp >= since && entry.object_ref.namespace == space.name)
        .map(|entry| entry.user.username)
        .collect();
    users.sort();
    users.dedup();
    users
}

async fn one_after_the_other(quiet: &Quiet, since: Timestamp) {
    let writes = quiet.writes().await;
    let times = |user: &str| -> Vec<Timestamp> {
        let writes = writes.iter().filter(|entry| entry.user.username == user);
        writes.map(|entry| entry.request_received_timestamp).filter(|at| *at >= since).collect()
    };
    let (last, first) = (times(FIRST).into_iter().max(), times(SECOND).into_iter().min());
    assert!(last.unwrap() < first.unwrap(), "{FIRST} wrote last at {last:?}, {SECOND} first at {first:?}");
}
