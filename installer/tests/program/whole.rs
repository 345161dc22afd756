//! Whole runs in this process, in a minikube cluster whose API server keeps every applied object: `up` until the platform
//! is ready, and `destroy`. The cluster has no bastion, so a test stops the proof and records a successful one.

use devplat::{
    cli,
    ui::{Event, Transcript},
};
use devplat_api::name;
use devplat_keys::UserKey;
use devplat_render::ReleaseName;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::{
    answers::{Serving, engine},
    driven::{drive, host, journal, reported, steps},
    kept::Objects,
    lab::{LOAD_AS_DOCKER, minikube},
    machine::Machine,
    trouble::{EXISTING, changed, cluster, node},
};

pub(crate) const UP: [&str; 3] = ["devplat", "up", "--yes"];
const STORAGE_CLASS: &str = "/apis/storage.k8s.io/v1/storageclasses/standard";
pub(crate) const AUTHORITIES: &str = "/api/v1/namespaces/devserver-bastion/configmaps/ssh-authorities";
const PROOF: &str = "/api/v1/namespaces/devplat-system/configmaps/devplat-proof";

/// The minikube cluster `lab`, with a host authority as the operator creates it.
pub(crate) async fn lab(machine: &Machine) -> Serving {
    let labels = json!({ "minikube.k8s.io/name": "lab" });
    let server = cluster(machine, &[node("lab", &labels, "", "docker://28.0.1", "amd64")]).await;
    minikube(machine, &server, LOAD_AS_DOCKER).await;
    let objects = server.answers.keep_objects();
    let is_default = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "x",
        "metadata": {"name": "standard", "annotations": is_default}});
    objects.put(STORAGE_CLASS, &class);
    let authority = UserKey::from_seed([7; 32], "authority").public_text();
    let authorities = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "ssh-authorities", "namespace": "devserver-bastion"},
        "data": {(name::HOST_AUTHORITY): authority}});
    objects.put(AUTHORITIES, &authorities);
    server
}

/// Installs the platform, and stops the run in its last step, the proof.
pub(crate) async fn stopped_in_the_proof(machine: &Machine, engine: &Serving) -> (u8, Transcript) {
    let host = host(machine, engine);
    let line = [&UP[..], &EXISTING].concat();
    let run = tokio::spawn({
        let host = host.clone();
        async move { cli::drive(&line, &host).await }
    });
    reported(&host.ui, |event| matches!(event, Event::Waiting { step, .. } if step == "proof")).await;
    host.stop.ask();
    (run.await.unwrap(), host.ui.transcript())
}

/// Returns the digest of the applied objects of all releases, which a proof records.
fn digest(objects: &Objects) -> String {
    let mut all = Vec::new();
    for release in ReleaseName::ALL {
        let path = format!("/api/v1/namespaces/devplat-system/configmaps/devplat-release-{release}");
        let inventory = objects.get(&path).unwrap();
        let listed: Vec<Value> =
            serde_json::from_str(inventory["data"]["objects"].as_str().unwrap()).unwrap();
        for reference in listed {
            let is = |object: &Value| {
                let metadata = &object["metadata"];
                ["apiVersion", "kind"].iter().all(|key| object[key] == reference[key])
                    && ["namespace", "name"].iter().all(|key| metadata[key] == reference[key])
            };
            let applied = objects.applied(is).unwrap();
            all.push(serde_json::from_value::<DynamicObject>(applied).unwrap());
        }
    }
    devplat_render::digest(&all)
}

/// Records the result of a proof.
fn record(objects: &Objects, digest: &str) {
    let metadata = json!({"name": "devplat-proof", "namespace": "devplat-system",
        "labels": {"devplat.dev/platform": "devplat"}});
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"digest": digest}});
    objects.put(PROOF, &map);
}

/// Returns whether the run has changed anything; `None` if its last event is not that the platform is ready.
fn ready(transcript: &Transcript) -> Option<bool> {
    match transcript.events.last() {
        Some(Event::Ready { changed, .. }) => Some(*changed),
        _ => None,
    }
}

/// Returns the printed lines, with single spaces.
fn lines(transcript: &Transcript) -> Vec<String> {
    let text = transcript.said.join("\n");
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn run_stopped_in_the_proof_is_continued_until_the_platform_is_ready() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine).await;
    let (status, first) = stopped_in_the_proof(&machine, &engine).await;
    assert_eq!(status, 4, "{first:#?}");
    let Some(Event::Error { message, hints, exit: 4, .. }) = first.events.last() else {
        panic!("{first:#?}")
    };
    assert_eq!(message, "stopped, as asked");
    let deleted = |event: &Event| match event {
        Event::Done { step, action, .. } => {
            step == "dev server for the proof" && action.to_string() == "delete"
        }
        _ => false,
    };
    assert!(first.events.iter().any(deleted), "{first:#?}");
    assert!(hints.iter().any(|hint| hint.contains("` continues from here")), "{hints:?}");
    let entries = journal(&machine);
    assert!(entries.iter().all(|entry| entry["at"] == "2001-02-03T12:00:00Z"), "{entries:#?}");
    let of_proof =
        |is: &str| entries.iter().any(|entry| entry["step"] == "proof" && entry["outcome"]["is"] == is);
    assert!(of_proof("begun") && of_proof("abandoned") && !of_proof("done"), "{entries:#?}");

    let objects = server.answers.keep_objects();
    record(objects, &digest(objects));
    objects.lose("/api/v1/namespaces/devserver-bastion/services/bastion");
    let (status, second) = drive(&UP, &machine, &engine).await;
    assert_eq!((status, ready(&second)), (0, Some(true)), "{second:#?}");
    assert_eq!(steps(&second), ["release bastion"], "the stopped run deleted the dev server: {second:#?}");

    let before = changed(&server);
    let (status, third) = drive(&UP, &machine, &engine).await;
    assert_eq!((status, ready(&third)), (0, Some(false)), "{third:#?}");
    assert_eq!(changed(&server), before);
}

/// The record of a proof is the only object of devplat's that is left.
#[tokio::test]
async fn lost_objects_and_images_are_created_again_until_the_platform_is_ready() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine).await;
    stopped_in_the_proof(&machine, &engine).await;
    let objects = server.answers.keep_objects();
    record(objects, &digest(objects));
    objects.lose_all_but(&[STORAGE_CLASS, AUTHORITIES, PROOF]);
    std::fs::remove_dir_all(machine.at("home/.cache/devplat/images")).unwrap();
    let (status, second) = drive(&UP, &machine, &engine).await;
    assert_eq!((status, ready(&second)), (0, Some(true)), "{second:#?}");
    let mut steps = steps(&second);
    steps.sort_unstable();
    let expected = [
        "dev server for the proof",
        "image devplat-agent",
        "image devplat-agent in the nodes",
        "image devplat-bastion",
        "image devplat-bastion in the nodes",
        "image devplat-operator",
        "image devplat-operator in the nodes",
        "proof",
        "release bastion",
        "release crds",
        "release flavors",
        "release operator",
        "release users",
    ];
    assert_eq!(steps, expected, "{second:#?}");
}

#[tokio::test]
async fn platform_is_proved_again_only_after_a_change_of_its_releases() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine).await;
    stopped_in_the_proof(&machine, &engine).await;
    let objects = server.answers.keep_objects();
    let planned = async || {
        let (status, plan) = drive(&["devplat", "plan"], &machine, &engine).await;
        assert_eq!(status, 0, "{plan:#?}");
        let line = lines(&plan).into_iter().find(|line| line.starts_with("proof "));
        line.unwrap_or_else(|| panic!("{plan:#?}"))
    };
    let plan = planned().await;
    assert!(plan.starts_with("proof create absent"), "{plan}");
    record(objects, "sha256:of-other-releases");
    let plan = planned().await;
    assert!(plan.starts_with("proof update the releases have changed since the last proof"), "{plan}");
    record(objects, &digest(objects));
    let plan = planned().await;
    assert!(plan.starts_with("proof keep as wanted"), "{plan}");
}

/// A dry run passes the webhook, and a look does not.
#[tokio::test]
async fn status_lists_every_part_although_a_webhook_is_broken() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine).await;
    stopped_in_the_proof(&machine, &engine).await;
    let every = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]}]);
    let hook = json!({"name": "check.gone.example", "failurePolicy": "Fail", "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "rules": every,
        "clientConfig": {"service": {"namespace": "default", "name": "nowhere"}}});
    let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "policy-gone"}, "webhooks": [hook]});
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/policy-gone";
    server.answers.keep_objects().put(path, &configuration);
    let failed = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Internal error occurred", "reason": "InternalError", "code": 500});
    server.answers.give("PATCH ", 500, &failed);
    let (_, status) = drive(&["devplat", "status"], &machine, &engine).await;
    let lines = lines(&status);
    let why = "cannot be compared: webhook check.gone.example of ValidatingWebhookConfiguration policy-gone calls \
               Service default/nowhere, which does not exist";
    let row = |part: &str| lines.iter().find(|line| line.starts_with(part)).map_or("", String::as_str);
    for release in ["crds", "operator", "bastion", "flavors"] {
        let row = row(&format!("release {release} no "));
        assert!(row.contains(why), "{release}: {lines:#?}");
    }
    assert!(row("image devplat-operator in the nodes yes").contains("as wanted"), "{lines:#?}");
    assert!(row("ssh configuration yes").contains("as wanted"), "{lines:#?}");
}

#[tokio::test]
async fn destroy_of_a_stopped_run_leaves_only_foreign_objects() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine).await;
    stopped_in_the_proof(&machine, &engine).await;
    let (status, transcript) = drive(&["devplat", "destroy", "--yes"], &machine, &engine).await;
    assert_eq!(status, 0, "{transcript:#?}");
    let Some(Event::Destroyed { deleted, .. }) = transcript.events.last() else { panic!("{transcript:#?}") };
    assert!(deleted.iter().any(|id| id == "release crds"), "{deleted:?}");
    assert_eq!(server.answers.keep_objects().paths(), [STORAGE_CLASS]);
    assert!(!machine.at("home/.local/state/devplat/devplat").exists());
}
