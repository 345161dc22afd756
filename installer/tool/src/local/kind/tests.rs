//! kind's environment, its steps and the reasons for its failures.

use super::*;
use crate::{
    docker::Cgroups,
    local::{
        ExtraConfig, Mapping, Mark,
        fake::{Fake, engine_without_containers},
    },
};

#[test]
fn steps_of_kind_have_no_symbols() {
    assert_eq!(step(" • Starting control-plane 🕹️  ...").as_deref(), Some("starting control-plane"));
    assert_eq!(step(" ✓ Starting control-plane 🕹️"), None);
    assert_eq!(step("Deleted nodes"), None);
    let image = step(" • Ensuring node image (kindest/node:v1.34.0) 🖼  ...");
    assert_eq!(image.as_deref(), Some("ensuring node image (kindest/node:v1.34.0)"));
}

fn owner() -> Mark {
    Mark { platform: "team-a".to_owned(), account: None }
}

fn creation(owner: &Mark) -> KindCreation<'_> {
    KindCreation {
        name: "team-a",
        network: "devplat-team-a",
        image: None,
        own_cni: false,
        cgroups: Cgroups::V2,
        api_port: None,
        mappings: &[],
        workers: 1,
        direct: &[],
        owner,
        extra: None,
        registry_config: false,
    }
}

#[tokio::test]
async fn variables_of_the_shell_do_not_reach_kind() {
    let fake = Fake::new("kind", "env; cat >/dev/null; echo ' • Preparing nodes 📦  ...' >&2").await;
    let surroundings = fake.surroundings([
        ("KIND_EXPERIMENTAL_PROVIDER", "podman"),
        ("KIND_CLUSTER_NAME", "other"),
        ("KUBECONFIG", "/home/ada/.kube/config"),
        ("DOCKER_CONTEXT", "second"),
        ("DOCKER_CONTENT_TRUST", "1"),
        ("DOCKER_DEFAULT_PLATFORM", "linux/s390x"),
        ("HTTPS_PROXY", "http://127.0.0.1:3128"),
        ("NO_PROXY", "localhost"),
    ]);
    let engine = engine_without_containers().await;
    let kubeconfig = fake.folder().join("kubeconfig");
    let kind = KindCommand::new(engine.engine(), &surroundings, &kubeconfig);
    let mut steps = Vec::new();
    let (owner, direct) = (owner(), ["devplat-team-a-registry".to_owned()]);
    let creation = KindCreation { direct: &direct, ..creation(&owner) };
    kind.create(&creation, |step| steps.push(step.to_owned()), async {}).await.unwrap();
    assert_eq!(steps, ["preparing nodes"]);
    let seen = fake.environment();
    let get = |name: &str| seen.get(name).map(String::as_str);
    assert_eq!(get("KIND_EXPERIMENTAL_PROVIDER"), Some("docker"));
    assert_eq!(get("KIND_CLUSTER_NAME"), None);
    assert_eq!(get("KIND_EXPERIMENTAL_DOCKER_NETWORK"), Some("devplat-team-a"));
    assert_eq!(get("KUBECONFIG"), kubeconfig.to_str());
    assert_eq!(get("DOCKER_HOST"), Some(engine.engine().endpoint().as_str()));
    for name in ["DOCKER_CONTEXT", "DOCKER_CONTENT_TRUST", "DOCKER_DEFAULT_PLATFORM"] {
        assert_eq!(get(name), None, "{name}");
    }
    assert_eq!(
        get("NO_PROXY"),
        Some(
            "localhost,10.244.0.0/16,10.96.0.0/16,172.18.0.0/16,team-a-control-plane,.svc,.svc.cluster.local,team-a-worker,devplat-team-a-registry"
        )
    );
}

/// Returns the error of a kind that cannot pull an image.
async fn without_image(creation: &KindCreation<'_>) -> ClusterError {
    let script = "echo ' • Ensuring node image (kindest/node:v1.37.0) 🖼  ...' >&2; echo 'ERROR: no such host' >&2; exit 1";
    let fake = Fake::new("kind", script).await;
    let surroundings = fake.surroundings([]);
    let engine = engine_without_containers().await;
    let kubeconfig = fake.folder().join("kubeconfig");
    KindCommand::new(engine.engine(), &surroundings, &kubeconfig)
        .create(creation, |_| {}, async {})
        .await
        .unwrap_err()
}

#[tokio::test]
async fn image_that_kind_could_not_pull_is_named() {
    let owner = owner();
    let theirs = "nodes: [{role: control-plane, image: 'kindest/node:v1.37.0'}]";
    let extra = ExtraConfig { path: "kind.yaml".as_ref(), text: theirs };
    for creation in [
        KindCreation { image: Some("kindest/node:v1.37.0"), ..creation(&owner) },
        KindCreation { extra: Some(extra), ..creation(&owner) },
    ] {
        let error = without_image(&creation).await;
        let ClusterError::ImageNotPulled { image, said, .. } = &error else { panic!("{error}") };
        assert_eq!(image, "kindest/node:v1.37.0");
        assert!(said.contains("no such host"), "{said}");
        assert!(error.hint().unwrap().contains("docker pull kindest/node:v1.37.0"));
    }
}

#[tokio::test]
async fn output_of_kind_does_not_decide_the_reason() {
    let error = without_image(&creation(&owner())).await;
    assert!(!matches!(error, ClusterError::ImageNotPulled { .. }), "{error:?}");
    assert!(error.to_string().contains("no such host"), "{error}");
}

#[tokio::test]
async fn taken_port_is_reported_with_its_holder() {
    let fake = Fake::new("kind", "echo 'ERROR: anything at all' >&2; exit 1").await;
    let surroundings = fake.surroundings([]);
    let engine = engine_without_containers().await;
    let kubeconfig = fake.folder().join("kubeconfig");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    let owner = owner();
    let mappings = [Mapping { address: taken.ip(), host_port: taken.port(), node_port: 30022 }];
    let theirs =
        format!("nodes: [{{extraPortMappings: [{{containerPort: 80, hostPort: {}}}]}}]", taken.port());
    let extra = ExtraConfig { path: "kind.yaml".as_ref(), text: &theirs };
    for creation in [
        KindCreation { mappings: &mappings, ..creation(&owner) },
        KindCreation { api_port: Some(taken.port()), ..creation(&owner) },
        KindCreation { extra: Some(extra), ..creation(&owner) },
    ] {
        let kind = KindCommand::new(engine.engine(), &surroundings, &kubeconfig);
        let error = kind.create(&creation, |_| {}, async {}).await.unwrap_err();
        let ClusterError::PortTaken { port, holder, .. } = &error else { panic!("{error}") };
        assert_eq!(*port, taken.port());
        assert!(holder.as_ref().unwrap().contains(&std::process::id().to_string()), "{holder:?}");
    }
}
