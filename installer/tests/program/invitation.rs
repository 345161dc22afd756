//! The lines that `devplat users add` prints for the new user.

use devplat_keys::UserKey;
use serde_json::{Value, json};

use crate::{
    answers::{api_server, kubeconfig},
    machine::Machine,
    users::with_access,
};

const BASTION: &str = "/apis/apps/v1/namespaces/devserver-bastion/deployments/bastion";
const AUTHORITIES: &str = "/api/v1/namespaces/devserver-bastion/configmaps/ssh-authorities";
const ALICE: &str = "/apis/apps.devservers.io/v1/devusers/alice";

fn key(seed: u8) -> String {
    UserKey::from_seed([seed; 32], "key").public_text()
}

#[tokio::test]
async fn added_user_is_reported_with_the_lines_to_send() {
    let machine = Machine::new();
    let server = api_server("u1").await;
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    machine.write("work/alice.pub", &key(1));
    let alice = json!({"apiVersion": "apps.devservers.io/v1", "kind": "DevUser", "metadata": {"name": "alice"},
        "spec": {"sshKeys": [key(1)]}, "status": with_access()});
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "absent", "reason": "NotFound", "code": 404});
    server.answers.give(&format!("GET {ALICE}"), 404, &absent);
    server.answers.give(&format!("PATCH {ALICE}"), 200, &alice);
    let authorities = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {},
        "data": {"host_authority.pub": key(2)}});
    server.answers.give(&format!("GET {AUTHORITIES}"), 200, &authorities);
    let bastion = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {},
        "spec": {"selector": {}, "template": {"spec": {"containers": [
            {"name": "bastion", "args": ["--host=dev.example.com:2222"]}]}}}});
    server.answers.give(&format!("GET {BASTION}"), 200, &bastion);
    let add = ["users", "add", "alice", "--key", "alice.pub", "--context", "there"];
    let printed = machine.devplat(&add).run().await.unwrap().stdout;
    assert!(printed.contains("  ssh -p 2222 alice+mydev@dev.example.com"), "{printed}");
    let trust = format!("@cert-authority [dev.example.com]:2222,*.*.devplat {}", key(2).trim());
    let trusting = format!("  mkdir -p -m 700 ~/.ssh && echo '{trust}' >> ~/.ssh/known_hosts");
    assert!(printed.contains(&trusting), "{printed}");
    let printed = machine.devplat(&[&add[..], &["--output", "json"]].concat()).run().await.unwrap().stdout;
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["ssh"]["host"], "dev.example.com");
    assert_eq!(document["ssh"]["knownHosts"], trust);
    assert_eq!(document["ssh"]["reachedFrom"], "network");
}
