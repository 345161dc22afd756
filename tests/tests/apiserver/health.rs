//! The operator's health checks and metrics over HTTP.

use std::time::Duration;

use devplat_tests::waiting::until;
use kube::config::Kubeconfig;

use super::{
    cluster::platform,
    operator::{Operator, defaults},
};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn operator_with_full_caches_is_alive_and_ready() {
    let operator = &platform().await.operator;
    for path in ["/healthz", "/readyz"] {
        let ok = until(path, PATIENCE, async || match operator.get(path).await? {
            (200, body) => Ok(body),
            other => Err(format!("{other:?}")),
        });
        assert_eq!(ok.await.unwrap(), "ok\n");
    }
}

#[tokio::test]
async fn operator_counts_writes_and_reconciles() {
    let operator = &platform().await.operator;
    until("a counted write", PATIENCE, async || {
        let writes = operator.metric("devplat_operator_writes_total").await?;
        // The shipped flavors get a status.
        match writes.get(r#"{kind="DevServerFlavor",verb="status"}"#) {
            Some(count) if *count >= 3 => Ok(()),
            _ => Err(format!("{writes:?}")),
        }
    })
    .await
    .unwrap();
    let (status, text) = operator.get("/metrics").await.unwrap();
    assert_eq!(status, 200);
    for line in
        ["# TYPE devplat_operator_reconcile_seconds histogram", "# TYPE devplat_operator_queue_depth gauge"]
    {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn operator_without_a_cluster_is_alive_and_lists_missing_kinds() {
    // No process listens on this port.
    let nowhere = Kubeconfig::from_yaml(
        "apiVersion: v1\nkind: Config\ncurrent-context: none\n\
         clusters: [{name: none, cluster: {server: 'http://127.0.0.1:1'}}]\n\
         contexts: [{name: none, context: {cluster: none, user: none}}]\n\
         users: [{name: none, user: {}}]\n",
    )
    .unwrap();
    let operator = Operator::start(nowhere, "lost", defaults());
    until("an answer", PATIENCE, async || operator.get("/healthz").await).await.unwrap();
    assert_eq!(operator.get("/healthz").await.unwrap(), (200, "ok\n".to_owned()));
    let (status, said) = operator.get("/readyz").await.unwrap();
    assert_eq!(status, 503);
    assert_eq!(
        said,
        "not listed yet: devservers, devserverflavors, devusers, deployments, persistentvolumeclaims, services, \
         pods, namespaces, serviceaccounts, rolebindings, clusterrolebindings, configmaps, networkpolicies\n"
    );
}
