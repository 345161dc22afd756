//! Node ports that a real API server does not give to a Service.

use std::time::{Duration, Instant};

use devplat_kubernetes::{
    ObjectRef, Steady,
    release::{NodePortError, ReleaseError},
};
use kube::api::DynamicObject;
use serde_json::json;

use super::{create, delete, get, ours, release, remove, start};

fn service(name: &str, port: u16) -> DynamicObject {
    ours(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": "NodePort", "ports": [{"name": "ssh", "port": 22, "nodePort": port}]}
    }))
}

/// Applies a Service with this port, and returns why it does not get it, within seconds.
async fn refused(client: &kube::Client, port: u16) -> NodePortError {
    let (wanted, begun) = (release("ported", [service("ported-a", port)]), Instant::now());
    let error = release::apply(client, &wanted, &Steady).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let ReleaseError::NodePort(error) = error else { panic!("{error:?}") };
    error
}

#[tokio::test]
async fn holder_of_a_node_port_is_named_and_a_foreign_range_recognised() {
    let (_turn, client) = start().await;
    let mut theirs = service("ported-b", 30522);
    theirs.metadata.labels = None;
    create(&client, &theirs).await;
    let NodePortError::Held { service: _, port: 30522, holder } = refused(&client, 30522).await else {
        panic!("it is held")
    };
    assert_eq!(holder, ObjectRef::of(&theirs));
    let outside = refused(&client, 22222).await;
    assert!(matches!(outside, NodePortError::OutsideRange { port: 22222, .. }), "{outside:?}");
    assert!(get(&client, &ObjectRef::of(&service("ported-a", 1))).await.is_none());
    delete(&client, &ObjectRef::of(&theirs)).await;
    remove(&client, "ported").await;
}
