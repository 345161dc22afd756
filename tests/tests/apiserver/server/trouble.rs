//! Failures in a cluster are reported with the message of the component that found them, until they pass.

use devplat_api::{
    DevServer,
    condition::{ConditionType, Reason},
    server::Phase,
};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::super::namespace::{self, Namespace};

#[tokio::test]
async fn unschedulable_server_quotes_the_scheduler() {
    let space = Namespace::new("trouble-node").await;
    namespace::flavor(&space.client, "trouble-node", json!({"nodeSelector": {"no": "such"}})).await;
    space.server("mydev", json!({"flavor": "trouble-node"})).await;
    for kind in [ConditionType::Ready, ConditionType::PodScheduled] {
        let said = space.says("mydev", kind, "False", Reason::Unschedulable).await;
        assert!(said.starts_with("0/2 nodes are available: "), "{said}");
        assert!(said.contains("1 node(s) didn't match Pod's node affinity/selector"), "{said}");
    }
    assert_eq!(space.get::<DevServer>("mydev").await.status.unwrap().phase, Phase::Pending);
    // No pod is running yet, so the change takes effect without a requested restart.
    space.change::<DevServer>("mydev", json!({"spec": {"flavor": "cpu-small"}})).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn failed_image_pull_is_reported_until_it_succeeds() {
    let (space, pod) = on_the_silent_node("trouble-image").await;
    space.report(&pod, waiting("devserver", "ErrImagePull", "no such host")).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::ImagePull).await;
    assert_eq!(said, "image devplat.local/base: no such host");
    assert_eq!(space.get::<DevServer>("mydev").await.status.unwrap().phase, Phase::Pending);
    super::run(&space, &pod).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn crash_loop_is_reported_with_the_exit_status() {
    let (space, pod) = on_the_silent_node("trouble-crash").await;
    let mut status = waiting("devserver", "CrashLoopBackOff", "back-off 10s");
    status["containerStatuses"][0]["lastState"] =
        json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    status["containerStatuses"][0]["restartCount"] = json!(3);
    space.report(&pod, status).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::CrashLoop).await;
    assert_eq!(said, "the container ended with exit status 137 (OOMKilled), 3 restarts so far");
    assert_eq!(space.get::<DevServer>("mydev").await.status.unwrap().phase, Phase::Failed);
}

#[tokio::test]
async fn silent_ssh_is_reported_until_it_answers() {
    let (space, pod) = on_the_silent_node("trouble-ssh").await;
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    space.report(&pod, container(&running, &json!({}), 0)).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::SshNotAnswering).await;
    assert_eq!(said, "the container runs, but SSH does not answer yet");
    super::run(&space, &pod).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn killed_agent_is_reported_after_the_restart() {
    let (space, pod) = on_the_silent_node("trouble-killed").await;
    let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let mut status = container(&json!({"running": {}}), &killed, 1);
    status["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    space.report(&pod, status).await;
    let said = space.says("mydev", ConditionType::Ready, "True", Reason::PodReady).await;
    assert_eq!(said, "the container was restarted once; it last ended with exit status 137 (OOMKilled)");
}

#[tokio::test]
async fn failed_installation_of_the_agent_is_reported_as_such() {
    let (space, pod) = on_the_silent_node("trouble-agent").await;
    let status = json!({"phase": "Pending", "initContainerStatuses": [{
        "name": "install-agent", "image": "", "imageID": "", "restartCount": 0, "ready": false,
        "state": {"terminated": {"exitCode": 1, "message": "no space left on device"}}
    }]});
    space.report(&pod, status).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::AgentInstall).await;
    assert_eq!(said, "installing the agent: exit status 1: no space left on device");
}

#[tokio::test]
async fn pod_that_stops_being_ready_is_reported() {
    let (space, pod) = on_the_silent_node("trouble-ready").await;
    super::run(&space, &pod).await;
    space.ready("mydev").await;
    space.report(&pod, json!({"conditions": [{"type": "Ready", "status": "False"}]})).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::PodNotReady).await;
    assert_eq!(said, format!("pod {pod} runs, but SSH does not answer"));
    assert!(!space.get::<DevServer>("mydev").await.status.unwrap().ready);
    super::run(&space, &pod).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn quota_that_rejects_the_pod_is_reported_until_it_has_room() {
    let space = Namespace::new("trouble-pods").await;
    quota(&space, json!({"pods": "0"})).await;
    space.server("mydev", json!({})).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::Forbidden).await;
    assert!(
        said.contains("exceeded quota: tight, requested: pods=1, used: pods=0, limited: pods=0"),
        "{said}"
    );
    space.delete::<ResourceQuota>("tight").await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn quota_that_rejects_the_home_is_reported_until_it_has_room() {
    let space = Namespace::new("trouble-home").await;
    quota(&space, json!({"requests.storage": "5Gi"})).await;
    space.server("mydev", json!({})).await;
    for kind in [ConditionType::Ready, ConditionType::StorageReady] {
        let said = space.says("mydev", kind, "False", Reason::Forbidden).await;
        assert!(said.contains("requested: requests.storage=10Gi, used: requests.storage=0"), "{said}");
    }
    space.delete::<ResourceQuota>("tight").await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn quota_that_rejects_the_keys_is_reported_until_it_has_room() {
    let space = Namespace::new("trouble-keys").await;
    quota(&space, json!({"secrets": "0"})).await;
    space.server("mydev", json!({})).await;
    let said = space.says("mydev", ConditionType::Ready, "False", Reason::Forbidden).await;
    assert!(said.contains("exceeded quota: tight, requested: secrets=1, used: secrets=0"), "{said}");
    space.delete::<ResourceQuota>("tight").await;
    space.ready("mydev").await;
}

async fn on_the_silent_node(name: &str) -> (Namespace, String) {
    let space = Namespace::new(name).await;
    let flavor = super::silent_flavor(&space).await;
    space.server("mydev", json!({"flavor": flavor})).await;
    let pod = space.pod("mydev").await.name_any();
    (space, pod)
}

fn container(state: &Value, last: &Value, restarts: i32) -> Value {
    json!({"phase": "Running", "containerStatuses": [{
        "name": "devserver", "image": "devplat.local/base", "imageID": "", "ready": false,
        "restartCount": restarts, "state": state, "lastState": last
    }]})
}

fn waiting(container: &str, reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": container, "image": "devplat.local/base", "imageID": "", "restartCount": 0, "ready": false,
        "state": {"waiting": {"reason": reason, "message": message}}
    }]})
}

/// Creates a quota. It takes effect once the controller has reported its use.
async fn quota(space: &Namespace, hard: Value) {
    space.make::<ResourceQuota>(json!({"metadata": {"name": "tight"}, "spec": {"hard": hard}})).await;
    let counted = |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|status| status.used.is_some());
    space.becomes("tight", "to count", counted).await;
}
