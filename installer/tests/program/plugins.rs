//! Credential plugins that have no terminal and take long.

use std::fs;

use serde_json::json;

use crate::{
    answers::{api_server, kubeconfig},
    machine::Machine,
};

/// A plugin that waits until the test writes to `go`.
const SLOW: &str = r#"cat "$FOLDER/go" > /dev/null
echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "t"}}'"#;
const REMARK: &str = "waiting for the credential plugin of context there (log-in)\n";

#[tokio::test]
async fn slow_login_plugin_is_reported_and_its_token_is_used() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    let folder = machine.at("work").display().to_string();
    machine.program("log-in", &SLOW.replace("$FOLDER", &folder)).await;
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "log-in",
        "interactiveMode": "IfAvailable"}});
    machine.write("home/.kube/config", &kubeconfig(&server.address, &exec));
    let (go, errors) = (machine.at("work/go"), machine.at("stderr"));
    let script = format!("mkfifo go; \"$@\" 2> '{}' || true", errors.display());
    let run = tokio::spawn(machine.in_shell(&script, &["users", "list", "--context", "there"], &[]).run());
    let said = || fs::read_to_string(&errors).unwrap_or_default();
    machine.until(|| said().contains(REMARK)).await;
    assert_eq!(server.answers.requests(), [""; 0], "a request was sent before the login");
    tokio::task::spawn_blocking(move || fs::write(go, "")).await.unwrap().unwrap();
    run.await.unwrap().unwrap();
    server.answers.asked("GET /").await;
    assert_eq!(said().matches(REMARK).count(), 1, "{}", said());
}
