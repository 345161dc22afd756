//! Two properties of the installer: a verb resolves its request once, and a new kind of resource is one file and one line.

use std::collections::{BTreeMap, BTreeSet};

use crate::{crates, resolve::Resolver, source::sources};

/// The module with the kinds of resources.
const KINDS: &str = "crate::resource";
/// Kinds that other modules mention: `planning` asks for the order of the releases, and verbs are about the other two. For
/// obstacles to its steps, `planning` asks every kind alike.
const MENTIONED: &[&str] = &["release", "ssh_block", "ssh_config"];

/// The decisions are read through a method, which no path shows, so this test reads the text of the sources.
#[test]
fn each_verb_resolves_its_request_once() {
    let files = sources("installer/src");
    let count = |text: &str, call: &str| text.matches(call).count();
    // The unit tests of the state folder read the decisions as well.
    let readers: Vec<(&str, usize)> = files
        .iter()
        .filter(|(file, _)| !file.starts_with("state/"))
        .map(|(file, text)| (file.as_str(), count(text, ".decisions()")))
        .filter(|(_, reads)| *reads > 0)
        .collect();
    assert_eq!(readers, [("request/run.rs", 1)], "the decisions are read in other places");
    let begun: Vec<(&str, usize)> = files
        .iter()
        .map(|(file, text)| (file.as_str(), count(text, "Run::begin(")))
        .filter(|(_, runs)| *runs > 0)
        .collect();
    assert!(begun.len() > 5, "no verb begins a run with `Run::begin`: {begun:?}");
    for (file, runs) in begun {
        assert!(runs == 1 && file.starts_with("cli/"), "{file} begins {runs} runs");
    }
}

/// Returns the names of the kinds' modules, in the order of their list.
fn kinds(files: &BTreeMap<String, String>) -> Vec<&str> {
    let (_, list) = files["resource/mod.rs"].split_once("\nkinds! {").unwrap();
    let (list, _) = list.split_once('}').unwrap();
    list.lines().filter_map(|line| line.trim().split_once("::")).map(|(module, _)| module).collect()
}

#[test]
fn only_the_list_and_other_kinds_mention_a_kind_of_resource() {
    let files = sources("installer/src");
    let kinds = kinds(&files);
    assert!(kinds.len() > 10, "{kinds:?}");
    let library = &crates("installer")[0];
    let edges = Resolver::new(library).edges();
    let path = |module: usize| library.modules[module].path.as_str();
    let mut alone = Vec::new();
    for kind in kinds {
        let own = format!("{KINDS}::{kind}");
        let of_kind = |module: usize| {
            path(module).strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let users: BTreeSet<&str> = edges
            .iter()
            .filter(|edge| of_kind(edge.to) && !of_kind(edge.from))
            .map(|edge| path(edge.from))
            .collect();
        assert!(users.contains(KINDS), "{kind} is not in the list of kinds");
        let others: Vec<&&str> = users.iter().filter(|user| !user.starts_with(KINDS)).collect();
        assert!(others.is_empty() || MENTIONED.contains(&kind), "{kind} is mentioned by {others:?}");
        if users.len() == 1 {
            alone.push(kind);
        }
    }
    // Clusters are the kinds that the whole program depends on.
    for kind in ["kind_cluster", "k3d_cluster", "existing_cluster", "kubeconfig"] {
        assert!(alone.contains(&kind), "{kind} has more than its file and its line");
    }
}

#[test]
fn names_of_kinds_are_shared_only_if_another_file_uses_them() {
    let files = sources("installer/src/resource");
    let words = |text: &str, name: &str| {
        text.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == name)
    };
    let names = files["names.rs"]
        .lines()
        .filter_map(|line| line.strip_prefix("pub(super) const ")?.split(':').next());
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let users = files.iter().filter(|(file, text)| *file != "names.rs" && words(text, name)).count();
        assert!(users > 1, "{name} is used by one file only: define it there");
    }
}
