//! The proof, on a platform that works and on one that does not.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use devplat_api::condition::Reason;
use devplat_api::{DevServer, DevUser};
use devplat_kubernetes::{
    Clock, Steady,
    bastion::Route,
    proof::{self, BastionAddress, Begun, NAME, Patience, ProofError, ProofRemains},
    release::OperatorPresence,
};
use devplat_tests::{control_plane, port, waiting::until};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, PostParams},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    cluster::{command_lines, platform},
    namespace::Namespace,
};

/// Only one proof at a time can run in a cluster.
static TURN: Mutex<()> = Mutex::const_new(());

const PATIENCE: Patience = Patience { seen: Duration::from_mins(1), ready: Duration::from_mins(1) };

/// Creates the dev server of a proof and waits until its pod has an address.
async fn begun(client: &Client) -> Result<Begun, ProofError> {
    let begun = proof::begin(client, "proved", "cpu-small", PATIENCE, &Steady).await?;
    proof::wait_address(client, "proved", &begun, &Steady).await?;
    Ok(begun)
}

#[tokio::test]
async fn failed_proof_deletes_its_server_and_user() {
    let _turn = TURN.lock().await;
    let platform = platform().await;
    let client = platform.plane.client().await.unwrap();
    let digest = "of the last proof".to_owned();
    let record = proof::ProofRecord { digest, started: None, deployments: None, policies: None };
    proof::record(&client, "proved", &record, &Steady).await.unwrap();
    let begun = begun(&client).await.unwrap();
    let recorded = proof::recorded(&client, &Steady).await.unwrap();
    assert_eq!(recorded, None, "a platform counts as proved while its proof is running");

    let entries = platform.plane.audit().entries().unwrap();
    let made = entries.iter().find(|entry| {
        let what = &entry.object_ref;
        // An apply that has created an object is answered with 201.
        entry.verb == "patch"
            && entry.response_status.code == 201
            && what.resource == "devservers"
            && what.namespace == "dev-devplat-proof"
    });
    // The administrator creates the server with only the user's rights.
    let made = made.expect("the audit log has the creation of the proof's server");
    let asked = made.impersonated_user.as_ref().map(|user| user.username.as_str());
    assert_eq!(asked, Some("system:serviceaccount:dev-devplat-proof:user-devplat-proof"));

    let [free] = port::free().unwrap();
    let route = Route::Address { host: "127.0.0.1".to_owned(), port: free.port() };
    let clock: Clock = Arc::new(SystemTime::now);
    let bastion = BastionAddress { route: &route, host: "localhost", clock: &clock };
    let error = proof::finish(&client, "proved", bastion, &begun, &Steady).await.unwrap_err();
    assert!(matches!(&error, ProofError::Ssh { user, source: _ } if user == NAME), "{error:?}");
    let servers: Api<DevServer> = Api::namespaced(client.clone(), "dev-devplat-proof");
    let server = servers.get_opt(NAME).await.unwrap();
    assert!(server.is_none_or(|server| server.metadata.deletion_timestamp.is_some()), "its server stays");
    let users: Api<DevUser> = Api::all(control_plane::client(platform.plane.kubeconfig()).await.unwrap());
    let user = users.get_opt(NAME).await.unwrap();
    assert!(user.is_none_or(|user| user.metadata.deletion_timestamp.is_some()), "its user stays");
    let leaving = proof::remains(&client, "proved", &Steady).await.unwrap();
    assert_ne!(leaving, ProofRemains::Left);
    proof::clear(&client, "proved", OperatorPresence::MayStart, &Steady).await.unwrap();
    assert_eq!(proof::remains(&client, "proved", &Steady).await.unwrap(), ProofRemains::Nothing);
}

#[tokio::test]
async fn proof_ends_within_seconds_if_a_policy_forbids_its_pod() {
    let _turn = TURN.lock().await;
    let client = platform().await.plane.client().await.unwrap();
    let policy = Policy::deny_pods(&client, "dev-devplat-proof").await;
    let start = tokio::time::Instant::now();
    let error = begun(&client).await.unwrap_err();
    let ProofError::Hopeless { reason: Reason::Forbidden, message, .. } = &error else { panic!("{error:?}") };
    assert!(message.contains("no pods in this test"), "{message}");
    let hints = error.hints(&command_lines());
    assert!(hints[0].contains("`kubectl --context test label namespace"), "{hints:?}");
    assert!(hints[0].contains("pod-security.kubernetes.io/enforce=baseline"), "{hints:?}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    policy.remove(&client).await;
    proof::clear(&client, "proved", OperatorPresence::MayStart, &Steady).await.unwrap();
}

/// A `ValidatingAdmissionPolicy` with its binding.
struct Policy(&'static str);

impl Policy {
    /// Creates a policy that denies all pods of a namespace.
    async fn deny_pods(client: &Client, namespace: &str) -> Self {
        let policy = Self("proof-without-pods");
        let probe = Namespace::new("proof-probe").await;
        let group = "admissionregistration.k8s.io/v1";
        policy
            .create(
                client,
                json!({
                    "apiVersion": group, "kind": "ValidatingAdmissionPolicy",
                    "spec": {
                        "failurePolicy": "Fail",
                        "matchConstraints": {
                            "namespaceSelector": {"matchExpressions": [{
                                "key": "kubernetes.io/metadata.name", "operator": "In",
                                "values": [namespace, probe.name],
                            }]},
                            "objectSelector": {"matchExpressions": [
                                {"key": "unaffected", "operator": "DoesNotExist"}
                            ]},
                            "resourceRules": [{
                                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                                "resources": ["pods"],
                            }],
                        },
                        "validations": [
                            {"expression": "false", "message": "no pods in this test", "reason": "Forbidden"}
                        ],
                    },
                }),
            )
            .await;
        policy
            .create(
                client,
                json!({
                    "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding",
                    "spec": {"policyName": policy.0, "validationActions": ["Deny"]},
                }),
            )
            .await;
        // The API server applies a new policy only after a moment.
        let pods: Api<Pod> = probe.api();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a", "image": "b"}]},
        }))
        .unwrap();
        let dry = PostParams { dry_run: true, field_manager: None };
        until("the policy to deny", Duration::from_secs(30), async || match pods.create(&dry, &pod).await {
            Err(kube::Error::Api(status)) if status.message.contains("no pods in this test") => Ok(()),
            outcome => Err(format!("{:?}", outcome.map(|_| ()))),
        })
        .await
        .unwrap();
        policy
    }

    async fn create(&self, client: &Client, mut object: Value) {
        object["metadata"] = json!({"name": self.0});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.api(client, &object.types.clone().unwrap().kind)
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }

    async fn remove(self, client: &Client) {
        for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
            self.api(client, kind).delete(self.0, &DeleteParams::default()).await.unwrap();
        }
    }

    #[expect(clippy::unused_self, reason = "reads better beside the others")]
    fn api(&self, client: &Client, kind: &str) -> Api<DynamicObject> {
        let kind = kube::core::GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
        let mut resource = kube::api::ApiResource::from_gvk(&kind);
        resource.plural = if kind.kind.ends_with("Binding") {
            "validatingadmissionpolicybindings".to_owned()
        } else {
            "validatingadmissionpolicies".to_owned()
        };
        Api::all_with(client.clone(), &resource)
    }
}
