//! The first hour of a user: the verbs and their help, the shipped profiles, and mistakes with both.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::TcpListener,
    path::Path,
};

use devplat_profile::SHIPPED;
use devplat_tool::process::{ChildEnd, Error};
use serde_json::{Value, json};

use crate::{
    answers::{api_server, engine, kubeconfig, network},
    machine::{Machine, run},
};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The hint that follows an unknown profile.
const WRITE_ONE: &str = "hint: to write one, put \"extends: kind\" and your changes into mine.yaml, then use --profile ./mine.yaml";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(REPOSITORY).join(path)).unwrap()
}

/// Returns the names and descriptions of the profiles in the repository, without the layer below all of them.
fn profiles() -> BTreeMap<String, String> {
    let files = fs::read_dir(Path::new(REPOSITORY).join("profiles")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names = names.filter_map(|file| file.strip_suffix(".yaml").map(str::to_owned));
    let described = names.filter(|name| name != "base").map(|name| {
        let text = read(&format!("profiles/{name}.yaml"));
        let description = text.lines().find_map(|line| line.strip_prefix("description: ")).unwrap();
        (name, description.to_owned())
    });
    described.collect()
}

/// Returns the verbs in a help text, without `help` itself.
fn verbs(help: &str) -> Vec<String> {
    let Some((_, below)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = below.lines().take_while(|line| !line.is_empty());
    // A line that is indented further continues the line above.
    let lines = lines.filter(|line| !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Returns the help of every verb, by its words joined with `-`.
async fn helps(machine: &Machine) -> BTreeMap<String, String> {
    let mut helps = BTreeMap::new();
    let mut open = vec![Vec::new()];
    while let Some(words) = open.pop() {
        let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = machine.devplat(&args).run().await.unwrap().stdout;
        open.extend(verbs(&help).into_iter().map(|name| [&words[..], &[name]].concat()));
        helps.insert(words.join("-"), help);
    }
    assert!(helps.contains_key("up") && helps.contains_key("users-add"), "{:?}", helps.keys());
    helps
}

#[tokio::test]
async fn devplat_alone_shows_commands_that_exist() {
    let machine = Machine::new();
    let Err(Error::Failed { ended: ChildEnd::Status(2), said, .. }) = machine.devplat(&[]).run().await else {
        panic!("without a verb, the exit status is not 2")
    };
    let commands = said.lines().filter_map(|line| line.strip_prefix("  devplat "));
    let commands: Vec<Vec<&str>> = commands
        .map(|line| line.split("   ").next().unwrap_or_default().split_whitespace().collect())
        .collect();
    let first: Vec<&str> = commands.iter().map(|words| words[0]).collect();
    assert_eq!(first, ["up", "profiles", "doctor", "--help"], "{said}");
    for words in commands {
        let args = [&words[..], &["--help"]].concat();
        let (status, said) = run(machine.devplat(&args)).await;
        assert_eq!(status, 0, "{args:?}: {said}");
    }
}

#[tokio::test]
async fn help_of_every_verb_has_an_example_of_that_verb() {
    let machine = Machine::new();
    for (verb, help) in helps(&machine).await {
        let examples = help.split_once("\nExample").map(|(_, examples)| examples).unwrap_or_default();
        let words = verb.replace("users-", "users ").replace("profiles-", "profiles ");
        let example = format!("devplat {words}");
        assert!(examples.contains(example.trim_end()), "the help of `{example}` has no example:\n{help}");
    }
}

#[tokio::test]
async fn man_writes_a_page_for_every_verb() {
    let machine = Machine::new();
    machine.devplat(&["man", "pages"]).run().await.unwrap();
    let pages = fs::read_dir(machine.at("work/pages")).unwrap();
    let pages: BTreeSet<String> =
        pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    let verbs = helps(&machine).await.into_keys();
    let page =
        |verb: String| if verb.is_empty() { "devplat.1".to_owned() } else { format!("devplat-{verb}.1") };
    let wanted: BTreeSet<String> = verbs.map(page).collect();
    assert_eq!(pages, wanted);
    let up = fs::read_to_string(machine.at("work/pages/devplat-up.1")).unwrap();
    assert!(up.contains(".SH EXAMPLES") && up.contains("devplat up"), "{up}");
}

#[tokio::test]
async fn version_is_the_same_for_people_and_machines() {
    let machine = Machine::new();
    let version = env!("CARGO_PKG_VERSION");
    for args in [&["version"][..], &["--version"], &["-V"]] {
        let said = machine.devplat(args).run().await.unwrap().stdout;
        assert_eq!(said, format!("devplat {version}\n"), "{args:?}");
    }
    let said = machine.devplat(&["version", "--output", "json"]).run().await.unwrap().stdout;
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), json!({ "version": version }));
}

#[tokio::test]
async fn profiles_lists_every_profile_of_the_repository() {
    let machine = Machine::new();
    let profiles = profiles();
    let shipped = SHIPPED.iter().map(|one| (one.name.to_owned(), one.description.to_owned()));
    assert_eq!(shipped.collect::<BTreeMap<_, _>>(), profiles);
    for args in [&["profiles"][..], &["profiles", "list"]] {
        let listed = machine.devplat(args).run().await.unwrap().stdout;
        let lines: Vec<Vec<&str>> =
            listed.lines().skip(1).map(|line| line.trim().splitn(2, "  ").map(str::trim).collect()).collect();
        let wanted: Vec<Vec<&str>> =
            profiles.iter().map(|(name, description)| vec![name.as_str(), description.as_str()]).collect();
        assert_eq!(lines, wanted, "{args:?}: {listed}");
    }
    let listed = machine.devplat(&["profiles", "list", "--output", "json"]).run().await.unwrap().stdout;
    let wanted: Vec<Value> = profiles
        .iter()
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    assert_eq!(serde_json::from_str::<Value>(&listed).unwrap(), Value::from(wanted));
}

#[tokio::test]
async fn shipped_profiles_are_shown_with_the_places_of_their_values() {
    let machine = Machine::new();
    for name in profiles().into_keys() {
        let provider = |shown: &str| {
            let line = shown.lines().find(|line| line.trim().starts_with("cluster.provider "));
            line.map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        for args in
            [&["profiles", "show", name.as_str()][..], &["profiles", "show", "--profile", name.as_str()]]
        {
            let shown = machine.devplat(args).run().await.unwrap().stdout;
            let words = provider(&shown).unwrap_or_default();
            let place = format!("profiles/{name}.yaml:");
            assert_eq!(words.get(1), Some(&name), "{args:?}: {shown}");
            assert!(words.get(2).is_some_and(|from| from.starts_with(&place)), "{args:?}: {shown}");
        }
    }
}

#[test]
fn readme_has_a_section_and_a_command_for_every_profile() {
    let readme = read("README.md");
    for name in profiles().into_keys() {
        assert!(readme.contains(&format!("\n### {name}\n")), "README has no section {name}");
        assert!(readme.contains(&format!("--profile {name}")), "README has no command for {name}");
    }
}

/// Blocks with these marks are typed in tests/tests/kind: in `readme.rs`, `k3d.rs` and `existing.rs`.
const TYPED: [&str; 3] = ["sh", "sh k3d", "sh existing"];

#[test]
fn every_command_of_the_readme_is_typed_by_a_test() {
    let readme = read("README.md");
    let marks: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("```")).collect();
    for pair in marks.chunks(2) {
        assert!(
            TYPED.contains(&pair[0]) || pair[0] == "yaml",
            "no test types a block with mark {:?}",
            pair[0]
        );
        assert_eq!(pair.get(1), Some(&""), "a block of README does not end");
    }
}

#[tokio::test]
async fn unknown_profile_lists_shipped_ones_and_how_to_write_one() {
    let machine = Machine::new();
    let verbs: [&[&str]; 4] = [
        &["plan", "--profile", "knid"],
        &["up", "--yes", "--profile", "knid"],
        &["render", "--profile", "knid"],
        &["profiles", "show", "knid"],
    ];
    for args in verbs {
        let (status, said) = run(machine.devplat(args)).await;
        let wanted = format!(
            "error: there is no profile \"knid\"; shipped are eks, existing, k3d and kind\nhint: did you mean kind?\n{WRITE_ONE}"
        );
        assert_eq!((status, said.trim()), (2, wanted.as_str()), "{args:?}");
    }
    // No shipped name is near, so none is suggested.
    let (_, said) = run(machine.devplat(&["profiles", "show", "production"])).await;
    assert!(said.contains(WRITE_ONE) && !said.contains("did you mean"), "{said}");
}

#[tokio::test]
async fn profile_written_as_in_the_hint_is_used() {
    let machine = Machine::new();
    for named in ["./mine.yaml", "mine.yml", "work/mine"] {
        let (status, said) = run(machine.devplat(&["profiles", "show", named])).await;
        assert_eq!(status, 2, "{said}");
        let why = format!("error: cannot read profile {named}: there is no such file\n");
        assert!(said.starts_with(&why) && said.contains(WRITE_ONE), "{said}");
    }
    machine.write("work/mine.yaml", "extends: kind\noperator:\n  replicas: 3\n");
    let shown = machine.devplat(&["profiles", "show", "./mine.yaml"]).run().await.unwrap().stdout;
    let replicas = shown.lines().find(|line| line.trim().starts_with("operator.replicas ")).unwrap();
    let words: Vec<&str> = replicas.split_whitespace().collect();
    assert_eq!(words, ["operator.replicas", "3", "./mine.yaml:3:13"]);
}

#[tokio::test]
async fn file_without_a_slash_in_its_name_is_suggested_with_one() {
    let machine = Machine::new();
    machine.write("work/mine", "extends: kind\n");
    let (status, said) = run(machine.devplat(&["profiles", "show", "mine"])).await;
    assert_eq!(status, 2, "{said}");
    let why = "error: there is no shipped profile \"mine\", but a file of that name here: --profile ./mine\n";
    assert!(said.starts_with(why), "{said}");
}

#[tokio::test]
async fn flags_that_a_verb_would_ignore_are_refused() {
    let machine = Machine::new();
    let wrong: [(&[&str], &str); 8] = [
        (&["version", "-v"], "unknown argument -v"),
        (&["profiles", "list", "--verbose"], "unknown argument --verbose"),
        (&["-v", "profiles"], "`devplat profiles` does not use --verbose"),
        (&["-v", "render"], "`devplat render` does not use --verbose"),
        (&["profiles", "show", "k3d", "--profile", "kind"], "--profile cannot be used with NAME|FILE"),
        (&["render", "crds", "--images", "a", "b", "c", "d"], "`devplat render crds` does not use --images"),
        (
            &["render", "users", "--images", "a", "b", "c", "d"],
            "`devplat render users` does not use --images",
        ),
        (&["profiles", "show"], "`devplat profiles show` needs the name of a profile, or a file"),
    ];
    for (args, why) in wrong {
        let (status, said) = run(machine.devplat(args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.starts_with(&format!("error: {why}\nhint: ")), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn variable_names_the_profile_to_show_unless_an_argument_does() {
    let machine = Machine::new();
    for (args, provider) in
        [(&["profiles", "show", "k3d"][..], "k3d"), (&["profiles", "show"][..], "existing")]
    {
        let shown = machine.devplat(args).env("DEVPLAT_PROFILE", "existing").run().await.unwrap().stdout;
        let line = shown.lines().find(|line| line.trim().starts_with("cluster.provider ")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(provider), "{args:?}: {shown}");
    }
}

#[tokio::test]
async fn plan_accepts_the_flag_that_it_suggests() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    let network = network("n1", Some("4242:other"));
    engine.answers.give("GET /networks ", 200, &json!([network]));
    let plan = ["plan", "--profile", "kind", "--set=devServers.image=registry.example/dev:1"];
    let (status, said) = run(machine.devplat(&plan).env("DOCKER_HOST", &engine.address)).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("hint: add --take-over"), "{said}");
    let taking = [&plan[..], &["--take-over"]].concat();
    let (status, said) = run(machine.devplat(&taking).env("DOCKER_HOST", &engine.address)).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

/// Scripts that wrap a command expect its status, as with `env`.
#[tokio::test]
async fn port_forward_ends_with_the_status_of_its_command() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    let nodes = json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": []});
    server.answers.give("GET /api/v1/nodes", 200, &nodes);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    for (command, ended) in [
        (&["sh", "-c", "exit 0"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "exit 255"], 255),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["nosuch"], 127),
    ] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let args = [&["port-forward", "--context", "there", "--port", &port, "--"][..], command].concat();
        let (status, said) = run(machine.devplat(&args)).await;
        assert_eq!(status, ended, "{command:?}: {said}");
        // An error is devplat's own; the command reports its errors itself.
        assert_eq!(said.contains("error: "), command == ["nosuch"], "{command:?}: {said}");
    }
}
