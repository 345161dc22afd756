//! The names of types: each means one thing in the installer and in the crate that connects, tests included.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use crate::source::sources;

/// The folders whose types are compared with each other.
const FOLDERS: [&str; 2] = ["installer", "connect"];

/// Names that several types share.
struct Exception {
    names: &'static [&'static str],
    /// The folder that holds all types of these names.
    within: &'static str,
    why: &'static str,
}

/// Every exception. One that is no longer needed fails a test.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        names: &[
            "Bastion",
            "Cluster",
            "CreatedVpc",
            "DevServers",
            "EksNetwork",
            "ExistingVpc",
            "Flavor",
            "LocalRegistry",
            "PortMapping",
            "User",
        ],
        within: "installer/profile/src",
        why: "one section of a profile, in `document` as it is written and in `profile` as it is checked",
    },
    Exception {
        names: &["Fields"],
        within: "installer/src/resource",
        why: "the associated type of each kind of resource, which other kinds do not import",
    },
    Exception {
        names: &["Error"],
        within: "installer",
        why: "the error of a whole module, which others write with its name: `journal::Error`",
    },
];

/// The files that define each type. Types inside of functions are left out, since nothing else can name them.
type Places = BTreeMap<String, Vec<String>>;

fn add(items: &[Item], file: &str, places: &mut Places) {
    for item in items {
        let name = match item {
            Item::Enum(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Mod(module) => {
                add(module.content.as_ref().map_or(&[], |(_, items)| items.as_slice()), file, places);
                continue;
            }
            _ => continue,
        };
        let line = name.span().start().line;
        places.entry(name.to_string()).or_default().push(format!("{file}:{line}"));
    }
}

fn places(folder: &str, files: &BTreeMap<String, String>) -> Places {
    let mut places = Places::new();
    for (file, text) in files {
        let file = format!("{folder}/{file}");
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        add(&parsed.items, &file, &mut places);
    }
    places
}

/// The names that `places` has more than once and that `exceptions` does not explain, each with its places. The
/// exceptions that explained one are added to `used`.
fn doubled<'a>(
    places: &Places,
    exceptions: &'a [Exception],
    used: &mut BTreeSet<(&'a str, &'a str)>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, places) in places.iter().filter(|(_, places)| places.len() > 1) {
        let explained = exceptions.iter().find_map(|Exception { names, within, why: _ }| {
            let name = names.iter().find(|known| *known == name)?;
            places.iter().all(|place| is_below(place, within)).then_some((*within, *name))
        });
        match explained {
            Some(exception) => drop(used.insert(exception)),
            None => found.push(format!("{name}: {}", places.join(", "))),
        }
    }
    found
}

fn is_below(place: &str, folder: &str) -> bool {
    place.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn all_places() -> Places {
    let mut all = Places::new();
    for folder in FOLDERS {
        for (name, places) in places(folder, &sources(folder)) {
            all.entry(name).or_default().extend(places);
        }
    }
    all
}

#[test]
fn name_of_a_type_means_one_thing() {
    let found = doubled(&all_places(), EXCEPTIONS, &mut BTreeSet::new());
    assert!(found.is_empty(), "{} names have several meanings:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_exception_of_names_is_still_needed() {
    let mut used = BTreeSet::new();
    doubled(&all_places(), EXCEPTIONS, &mut used);
    for Exception { names, within, why } in EXCEPTIONS {
        assert!(!why.is_empty(), "{names:?} have no reason");
        for name in *names {
            assert!(used.contains(&(*within, *name)), "{name} is no longer doubled in {within}");
        }
    }
}

#[test]
fn doubled_types_are_found_also_in_modules_of_tests() {
    let files = [
        ("a/src/one.rs", "pub struct Login; fn f() { enum Login {} }"),
        ("a/src/two.rs", "mod tests { type Login = u8; }"),
        ("a/src/three.rs", "trait Error {} pub enum Other {}"),
        ("b/src/lib.rs", "enum Error {}"),
    ];
    let files = files.map(|(file, text)| (file.to_owned(), text.to_owned())).into();
    let places = places("x", &files);
    let error = |within| [Exception { names: &["Error"], within, why: "it is an example" }];
    assert_eq!(
        doubled(&places, &error("x"), &mut BTreeSet::new()),
        ["Login: x/a/src/one.rs:1, x/a/src/two.rs:1"]
    );
    assert_eq!(doubled(&places, &error("x/a"), &mut BTreeSet::new()).len(), 2);
}
