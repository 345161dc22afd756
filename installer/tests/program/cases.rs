//! Cases from the field that other files test only in parts.

use serde_json::{Value, json};

use crate::{
    answers::{api_server, engine, kubeconfig},
    dropped::IMAGE,
    machine::{Machine, run},
};

#[tokio::test]
async fn absent_and_empty_kubeconfigs_are_passed_over() {
    let (machine, engine, server) = (Machine::new(), engine(), api_server("u1").await);
    machine.local_programs().await;
    let absent = machine.at("work/absent").display().to_string();
    let empty = machine.write("work/empty", "").display().to_string();
    let there = machine.write("work/there", &kubeconfig(&server.address, &json!({"token": "t"})));
    let of = |args: &[&str], list: &str| {
        machine.devplat(args).env("KUBECONFIG", list.to_owned()).env("DOCKER_HOST", &engine.address)
    };
    for list in [absent.clone(), empty.clone(), format!(":{absent}:{empty}:")] {
        let (status, said) = run(of(&["plan", IMAGE], &list)).await;
        assert_eq!(status, 0, "{list}: {said}");
        assert!(said.contains("using profile kind"), "{list}: {said}");
    }
    assert_eq!(server.answers.requests(), [""; 0]);
    let list = format!("{absent}:{empty}:{}", there.display());
    run(of(&["status", "--context", "there"], &list)).await;
    server.answers.asked("GET /api/v1/namespaces").await;
}

#[tokio::test]
async fn doctor_has_a_row_for_the_limits_of_inotify() {
    let (machine, engine) = (Machine::new(), engine());
    let all = machine.all_output(&["doctor", "-o", "json"], &[("DOCKER_HOST", &engine.address)]).await;
    let findings: Value = serde_json::from_str(all.stdout.lines().next().unwrap_or_default()).unwrap();
    let rows = findings.as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == "inotify limits");
    let row = row.unwrap_or_else(|| panic!("{findings:#}"));
    assert_eq!(row["needed"], true, "{findings:#}");
    // A machine with too low a limit has a remedy, which names the sysctl.
    let (has, remedy) = (row["has"].as_str(), row["remedy"].as_str());
    let shown = has.is_some_and(|has| has.contains(" instances and "));
    assert!(shown || remedy.is_some_and(|remedy| remedy.contains("fs.inotify.")), "{findings:#}");
}
