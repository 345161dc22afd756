//! Every wait ends when the user asks to stop: by Ctrl-C, by SIGTERM, by closing the terminal.

use std::{
    fs,
    time::{Duration, Instant},
};

use devplat::{cli, ui::Event};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    answers::{api_server, engine, kubeconfig},
    driven::{host, reported, with},
    machine::Machine,
    trouble::{EXISTING, K3D, K3D_THAT_FAILS, changed},
    whole::{AUTHORITIES, UP, lab},
};

/// Far less than the limit of any wait.
const SOON: Duration = Duration::from_secs(5);
const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

#[tokio::test]
async fn signal_ends_the_wait_for_a_silent_api_server() {
    let verbs: [&[&str]; 5] = [
        &["status", "--context", "there"],
        &["plan", "--profile", "existing", "--context", "there"],
        &["up", "--yes", "--profile", "existing", "--context", "there"],
        &["destroy", "--yes", "--context", "there"],
        &["users", "list", "--context", "there"],
    ];
    for (args, signal) in verbs.iter().zip(SIGNALS.iter().cycle()) {
        let (machine, server) = (Machine::new(), api_server("u1").await);
        server.answers.be_silent_on("GET ");
        machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
        let running = machine.start(args).await;
        server.answers.asked("GET ").await;
        let begun = Instant::now();
        running.signal(*signal);
        let (status, said) = running.ended().await;
        assert!(begun.elapsed() < SOON, "{args:?} took {:?}", begun.elapsed());
        assert_eq!(status, 4, "{args:?}: {said}");
        assert!(said.contains("stopped, as asked"), "{args:?}: {said}");
        let again = "nothing was done; `devplat up --profile existing --context there` begins again";
        assert_eq!(said.contains(again), args[0] == "up", "{args:?}: {said}");
    }
}

#[tokio::test]
async fn signal_ends_the_wait_for_a_silent_engine() {
    let verbs: [&[&str]; 3] =
        [&["status"], &["up", "--yes", "--profile", "kind"], &["destroy", "--yes", "--profile", "kind"]];
    for (args, signal) in verbs.iter().zip(SIGNALS.iter().cycle()) {
        let (machine, engine) = (Machine::new(), engine());
        engine.answers.be_silent_on("GET /info");
        engine.answers.be_silent_on("GET /containers");
        let host = engine.address.clone();
        let running = machine.start_with(args, &[("DOCKER_HOST", &host)]).await;
        engine.answers.asked_any(&["GET /info", "GET /containers"]).await;
        let begun = Instant::now();
        running.signal(*signal);
        let (status, said) = running.ended().await;
        assert!(begun.elapsed() < SOON, "{args:?} took {:?}", begun.elapsed());
        assert_eq!(status, 4, "{args:?}: {said}");
        let again = "nothing was done; `devplat up --profile kind` begins again";
        assert_eq!(said.contains(again), args[0] == "up", "{args:?}: {said}");
        assert!(machine.home().keys().all(|path| !path.ends_with("decisions.json")), "{args:?}");
    }
}

/// A peer that accepts connections and never answers is not absent, so that its limits of 5 s and 15 s count.
#[tokio::test]
async fn silent_engine_is_named_within_two_seconds_and_a_stop_ends_it() {
    const VERBS: [&[&str]; 8] = [
        &["up", "--yes", "--profile", "kind"],
        &["plan"],
        &["status"],
        &["destroy", "--yes"],
        &["doctor", "--profile", "kind"],
        &["users", "list"],
        &["ssh-config", "--yes"],
        &["port-forward"],
    ];
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("silent.sock");
    let _unix = tokio::net::UnixListener::bind(&socket).unwrap();
    let addresses = [format!("tcp://{}", tcp.local_addr().unwrap()), format!("unix://{}", socket.display())];
    let runs = addresses.iter().flat_map(|address| VERBS.map(|verb| (address, verb)));
    let runs = runs.map(|(address, verb)| async move {
        let (machine, engine) = (Machine::new(), engine());
        machine.remember(&json!({"profile": "kind"}));
        let host = with(host(&machine, &engine), "DOCKER_HOST", address);
        let line = [&["devplat"], verb].concat();
        let waiting = format!("waiting for the Docker engine at {address}");
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(2500)).await;
            let said = host.ui.transcript().said;
            host.stop.ask();
            (said, Instant::now())
        };
        let (status, (said, asked)) = futures::join!(cli::drive(&line, &host), stopping);
        assert!(asked.elapsed() < Duration::from_secs(1), "{line:?} {address}: {:?}", asked.elapsed());
        assert_eq!(status, 4, "{line:?} {address}: {:#?}", host.ui.transcript());
        assert!(said.iter().any(|line| line.starts_with(&waiting)), "{line:?} {address}: {said:?}");
    });
    futures::future::join_all(runs).await;
}

#[tokio::test]
async fn run_under_nohup_outlives_its_terminal() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    server.answers.be_silent_on("GET ");
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    let running = machine.start_by("nohup", &["status", "--context", "there"], &[]).await;
    server.answers.asked("GET ").await;
    running.signal(Signal::HUP);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!running.has_ended(), "SIGHUP ended it");
    running.signal(Signal::TERM);
    let (status, said) = running.ended().await;
    assert!(status == 4 && said.contains("stopped, as asked"), "{status}: {said}");
}

#[tokio::test]
async fn destroy_stopped_before_its_first_step_reports_no_deletion() {
    let (machine, engine) = (Machine::new(), engine());
    engine.answers.be_silent_on("GET /containers");
    let host = engine.address.clone();
    let running =
        machine.start_with(&["destroy", "--yes", "--profile", "kind"], &[("DOCKER_HOST", &host)]).await;
    engine.answers.asked("GET /containers").await;
    running.signal(Signal::TERM);
    let (status, said) = running.ended().await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("nothing was deleted; `devplat destroy --profile kind` begins again"), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn signal_ends_the_wait_for_a_login_plugin() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    let asked = machine.at("asked");
    machine.program("log-in", &format!(": > '{}'; exec sleep 1000", asked.display())).await;
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "log-in",
        "interactiveMode": "Never"}});
    machine.write("home/.kube/config", &kubeconfig(&server.address, &exec));
    let running = machine.start(&["status", "--context", "there"]).await;
    machine.until(|| asked.exists()).await;
    let begun = Instant::now();
    running.signal(Signal::HUP);
    let (status, said) = running.ended().await;
    assert_eq!(status, 4, "{said}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn signal_ends_the_pull_of_the_image_for_nodes() {
    for signal in SIGNALS {
        let (machine, engine) = (Machine::new(), engine());
        machine.program("k3d", &K3D_THAT_FAILS.replace("$FOLDER", "/nowhere")).await;
        engine.answers.give("POST /networks/create", 201, &json!({"Id": "n1", "Warning": ""}));
        engine.answers.be_silent_on("POST /images/create");
        let running = machine.start_with(&K3D, &[("DOCKER_HOST", &engine.address)]).await;
        engine.answers.asked("POST /images/create?").await;
        let signalled = Instant::now();
        running.signal(signal);
        let (status, said) = running.ended().await;
        assert_eq!(status, 4, "{said}");
        assert!(signalled.elapsed() < SOON, "{:?}", signalled.elapsed());
        assert!(said.contains("pulling registry.example/k3s:1"), "{said}");
    }
}

/// k3d still creates the cluster meanwhile, which is not interrupted.
#[tokio::test]
async fn signal_ends_the_pull_of_the_image_for_the_local_registry() {
    for signal in SIGNALS {
        ends_the_pull(signal).await;
    }
}

async fn ends_the_pull(signal: Signal) {
    let (machine, engine) = (Machine::new(), engine());
    let folder = machine.at("work").display().to_string();
    machine.program("k3d", &K3D_THAT_FAILS.replace("$FOLDER", &folder)).await;
    engine.answers.give("POST /networks/create", 201, &json!({"Id": "n1", "Warning": ""}));
    engine.answers.give("GET /images/registry.example/k3s:1/json", 200, &json!({"Id": "sha256:2"}));
    engine.answers.be_silent_on("POST /images/create");
    let image = "--set=cluster.k3d.image=registry.example/k3s:1";
    let up = ["up", "--yes", "--profile", "k3d", "--set=devServers.image=registry.example/dev:1", image];
    let running = machine.start_with(&up, &[("DOCKER_HOST", &engine.address)]).await;
    engine.answers.asked("POST /images/create?").await;
    let (begun, go) = (machine.at("work/begun"), machine.at("work/go"));
    machine.until(|| begun.exists()).await;
    let signalled = Instant::now();
    running.signal(signal);
    let journal = machine.at("home/.local/state/devplat/devplat/journal.jsonl");
    let abandoned = |line: &str| {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { return false };
        let of_step = entry["step"] == "local registry" && entry.get("call").is_none();
        of_step && entry["outcome"]["is"] == "abandoned"
    };
    machine.until(|| fs::read_to_string(&journal).is_ok_and(|text| text.lines().any(abandoned))).await;
    assert!(signalled.elapsed() < SOON, "{:?}", signalled.elapsed());
    tokio::task::spawn_blocking(move || fs::write(go, "")).await.unwrap().unwrap();
    let (status, said) = running.ended().await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("stopped, as asked"), "{signal:?}: {said}");
    let again = "`devplat up --profile k3d --set 'devServers.image=registry.example/dev:1' --set 'cluster.k3d.image=registry.example/k3s:1'` continues from here";
    assert!(said.contains(again), "{signal:?}: {said}");
}

/// The operator never releases the dev server.
#[tokio::test]
async fn stop_before_the_proof_does_not_wait_for_its_deletion() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine).await;
    // Without the host authority, the ssh configuration is not written, and the proof does not begin.
    let objects = server.answers.keep_objects();
    objects.lose(AUTHORITIES);
    let dev_server = "/apis/apps.devservers.io/v1/namespaces/dev-devplat-proof/devservers/devplat-proof";
    let success = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    server.answers.give(&format!("DELETE {dev_server}"), 200, &success);
    let host = host(&machine, &engine);
    let line = [&UP[..], &EXISTING].concat();
    let run = tokio::spawn({
        let host = host.clone();
        async move { cli::drive(&line, &host).await }
    });
    let is_done = |event: &Event, wanted: &str| match event {
        Event::Done { step, action, .. } => {
            step == "dev server for the proof" && action.to_string() == wanted
        }
        _ => false,
    };
    reported(&host.ui, |event| is_done(event, "create")).await;
    let stopped = Instant::now();
    host.stop.ask();
    let status = run.await.unwrap();
    let transcript = host.ui.transcript();
    assert_eq!(status, 4, "{transcript:#?}");
    assert!(stopped.elapsed() < SOON, "{:?}", stopped.elapsed());
    assert!(transcript.events.iter().any(|event| is_done(event, "delete")), "{transcript:#?}");
    let changes = changed(&server);
    for path in [dev_server, "/apis/apps.devservers.io/v1/devusers/devplat-proof"] {
        assert!(changes.iter().any(|one| one.starts_with(&format!("DELETE {path}"))), "{path}: {changes:#?}");
    }
    assert!(objects.get(dev_server).is_some());
}
