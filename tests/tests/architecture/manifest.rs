//! The dependencies in a Cargo.toml.

use std::{collections::BTreeSet, fs};

use toml_edit::{DocumentMut, Item};

use crate::source::root;

/// The contents of a Cargo.toml, without dependencies of tests.
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) dependencies: BTreeSet<String>,
}

impl Manifest {
    pub(crate) fn read(file: &str) -> Self {
        Self::parse(&fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}")))
    }

    pub(crate) fn parse(text: &str) -> Self {
        let document: DocumentMut = text.parse().unwrap();
        let name = document["package"]["name"].as_str().unwrap().to_owned();
        let mut dependencies = BTreeSet::new();
        for section in ["dependencies", "build-dependencies"] {
            add(document.get(section), &mut dependencies);
            let targets = document.get("target").and_then(Item::as_table_like);
            for (_, target) in targets.into_iter().flat_map(|targets| targets.iter()) {
                add(target.get(section), &mut dependencies);
            }
        }
        Self { name, dependencies }
    }
}

fn add(section: Option<&Item>, dependencies: &mut BTreeSet<String>) {
    for (name, value) in section.and_then(Item::as_table_like).into_iter().flat_map(|table| table.iter()) {
        // `name = { package = "…" }` renames a crate.
        let package = value.as_table_like().and_then(|table| table.get("package")).and_then(Item::as_str);
        dependencies.insert(package.unwrap_or(name).to_owned());
    }
}

#[test]
fn dependencies_of_targets_count_and_those_of_tests_do_not() {
    let manifest = Manifest::parse(
        "[package]\nname = \"a\"\n[dependencies]\nserde.workspace = true\nk = { package = \"kube\" }\n\
         [dev-dependencies]\ninsta = \"1\"\n[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n",
    );
    assert_eq!(manifest.name, "a");
    assert_eq!(manifest.dependencies, ["kube", "rustix", "serde"].map(str::to_owned).into());
}
