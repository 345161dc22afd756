//! devplat on a terminal: util-linux's `script` gives it one, types keys, and keeps all that the terminal shows.

use std::{fs, time::Duration};

use devplat_tool::{Command, Surroundings};
use serde_json::{Value, json};

use crate::{
    answers::{api_server, engine, kubeconfig},
    machine::Machine,
};

/// Runs the shell script `shown` on a new terminal of the type `term`, with the output of the shell script `keys` as
/// typed keys. Returns all that the terminal shows. In both scripts, `$PROGRAM` is devplat.
async fn on_a_terminal(
    machine: &Machine,
    term: &str,
    [shown, keys]: [&str; 2],
    variables: &[(&str, &str)],
) -> String {
    machine.write("work/shown.sh", &format!("stty echo rows 24 cols 100\n{shown}\ntouch closed\n"));
    // At the end of the keys, `script` would type Ctrl-D.
    machine.write("work/keys.sh", &format!("{keys}\nuntil [ -e closed ]; do sleep 0.05; done\n"));
    let run = "rm -f closed; sh keys.sh | script -qec 'sh shown.sh' transcript > /dev/null";
    let path = format!("{}:/usr/bin:/bin", machine.at("bin").display());
    let command = Command::new("sh", &Surroundings::new([("PATH", path)], None))
        .args(["-c", run])
        .env("HOME", machine.at("home").into_os_string())
        .env("PROGRAM", machine.at("programs/devplat").into_os_string())
        .env("TERM", term)
        .envs(variables.iter().copied())
        .folder(&machine.at("work"))
        .deadline(Duration::from_mins(2));
    command.run().await.unwrap();
    String::from_utf8_lossy(&fs::read(machine.at("work/transcript")).unwrap()).into_owned()
}

/// A k3d that waits until keys are typed, and then creates nothing.
const K3D: &str = r#"case "$1" in
version) echo '{"k3d":"v5.8.3","k3s":"v1.34.3-k3s1"}' ;;
cluster)
  touch "$FOLDER/begun"
  timeout 30 bash -c 'until read -t 0; do sleep 0.05; done' < /dev/tty && touch "$FOLDER/typed"
  exit 1 ;;
esac"#;

/// `stty -a` shows whether the echo is on again, and `read` that the keys came.
const UP_K3D: &str = r#""$PROGRAM" up --profile k3d --yes --set images.delivery=nodes \
  --set devServers.image=registry.example/dev:1 --set cluster.k3d.image=registry.example/k3s:1
touch ended
stty -a
read -r line
echo "read: $line"
"#;

#[tokio::test]
async fn keys_typed_while_bars_are_drawn_do_not_show() {
    let (machine, engine) = (Machine::new(), engine());
    machine.program("k3d", &K3D.replace("$FOLDER", &machine.at("work").display().to_string())).await;
    engine.answers.give("POST /networks/create", 201, &json!({"Id": "n1", "Warning": ""}));
    engine.answers.give("GET /images/registry.example/k3s:1/json", 200, &json!({"Id": "sha256:1"}));
    let keys = "until [ -e begun ] || [ -e ended ]; do sleep 0.05; done; echo wxyzzy";
    let variables = [("DOCKER_HOST", engine.address.as_str())];
    let shown = on_a_terminal(&machine, "xterm", [UP_K3D, keys], &variables).await;
    assert!(shown.contains("create cluster"), "no bar is drawn: {shown}");
    assert!(machine.at("work/typed").exists(), "no key came while the bar was drawn: {shown}");
    assert!(shown.contains("read: wxyzzy"), "{shown}");
    assert_eq!(shown.matches("wxyzzy").count(), 1, "a key shows: {shown}");
    assert!(shown.split_whitespace().any(|word| word == "echo"), "the echo stays off: {shown}");
}

/// A plugin that notes whether the terminal would show an answer. Its token has expired, so each call of the API server
/// starts it.
const LOG_IN: &str = r#"stty -a < /dev/tty | tr ' ' '\n' | grep -x -e echo -e -echo >> "$FOLDER/logins"
echo 'open https://login.example' >&2
echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
  "status": {"token": "t", "expirationTimestamp": "2001-01-01T00:00:00Z"}}'"#;

const UP_EXISTING: &str = r#""$PROGRAM" up --profile existing --context there --yes \
  --set images.registry="$REGISTRY" --set devServers.image=registry.example/dev:1"#;

#[tokio::test]
async fn login_plugin_gets_the_terminal_without_bars_and_with_echo() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    let folder = machine.at("work").display().to_string();
    machine.program("log-in", &LOG_IN.replace("$FOLDER", &folder)).await;
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "log-in",
        "interactiveMode": "IfAvailable"}});
    machine.write("home/.kube/config", &kubeconfig(&server.address, &exec));
    // An empty cluster with one node, where the first release fails.
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "not there", "reason": "NotFound", "details": {}, "code": 404});
    let node = json!({"metadata": {"name": "a", "labels": {}}, "spec": {}, "status": {"nodeInfo": {
        "architecture": "amd64", "containerRuntimeVersion": "containerd://2.1.4", "bootID": "", "kernelVersion": "",
        "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "linux", "osImage": "",
        "systemUUID": ""}}});
    let list = |kind: &str, items: &[Value]| json!({"kind": kind, "apiVersion": "v1", "metadata": {}, "items": items});
    let system =
        json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": "u1"}});
    server.answers.give("GET /api", 404, &absent);
    server.answers.give("GET /api/v1/namespaces/kube-system", 200, &system);
    server.answers.give("GET /api/v1/nodes", 200, &list("NodeList", &[node]));
    let inventories = "GET /api/v1/namespaces/devplat-system/configmaps?";
    server.answers.give(inventories, 200, &list("List", &[]));
    server.answers.give("GET /v2/ ", 200, &json!(null));
    let registry = format!("{}/team", server.address.trim_start_matches("http://"));
    let variables = [("REGISTRY", registry.as_str())];
    let shown = on_a_terminal(&machine, "xterm", [UP_EXISTING, ""], &variables).await;
    assert!(shown.contains("release crds: failed"), "no step makes a call: {shown}");
    assert!(shown.contains("open https://login.example"), "the plugin's text does not show: {shown}");
    let logins = fs::read_to_string(machine.at("work/logins")).unwrap();
    assert!(!logins.is_empty() && logins.lines().all(|echo| echo == "echo"), "{logins}{shown}");
}

/// A plugin that asks for a code, and waits for it on the same line, as a second factor of AWS does.
const ASK: &str = r#"printf 'code: ' >&2
touch "$FOLDER/asked"
read -r code
echo '{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "t"}}'
[ "$code" = 123456 ] && touch "$FOLDER/answered""#;

#[tokio::test]
async fn question_of_a_login_plugin_shows_before_the_answer() {
    for output in ["human", "json"] {
        let (machine, server) = (Machine::new(), api_server("u1").await);
        let folder = machine.at("work").display().to_string();
        machine.program("log-in", &ASK.replace("$FOLDER", &folder)).await;
        let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "log-in",
            "interactiveMode": "Always"}});
        machine.write("home/.kube/config", &kubeconfig(&server.address, &exec));
        let list = format!("\"$PROGRAM\" users list --context there --output {output}\ntouch ended");
        let keys = "until [ -e asked ] || [ -e ended ]; do sleep 0.05; done; echo 123456";
        let shown = on_a_terminal(&machine, "xterm", [&list, keys], &[]).await;
        let (question, answer) = (shown.find("code: "), shown.find("123456"));
        assert!(question.is_some() && question < answer, "{output}: {shown}");
        assert!(machine.at("work/answered").exists(), "{output}: {shown}");
    }
}

#[tokio::test]
async fn dumb_terminal_shows_remarks() {
    let machine = Machine::new();
    for term in ["dumb", "xterm"] {
        let shown = on_a_terminal(&machine, term, ["\"$PROGRAM\" man pages", ""], &[]).await;
        assert!(shown.contains("wrote manual pages to"), "{term}: {shown}");
    }
}
