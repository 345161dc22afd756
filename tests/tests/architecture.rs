//! The directions of imports in the workspace: the tables in [`folders`], [`layers`] and [`dependencies`] against the
//! sources and the Cargo.toml files, the absence of circles among the modules of a library, a program or a test, and one
//! meaning for each name of a type in [`names`].

#[cfg(test)]
#[path = "architecture/circles.rs"]
mod circles;
#[cfg(test)]
#[path = "architecture/dependencies.rs"]
mod dependencies;
#[cfg(test)]
#[path = "architecture/examples.rs"]
mod examples;
#[cfg(test)]
#[path = "architecture/folders.rs"]
mod folders;
#[cfg(test)]
#[path = "architecture/installer.rs"]
mod installer;
#[cfg(test)]
#[path = "architecture/layers.rs"]
mod layers;
#[cfg(test)]
#[path = "architecture/manifest.rs"]
mod manifest;
#[cfg(test)]
#[path = "architecture/modules.rs"]
mod modules;
#[cfg(test)]
#[path = "architecture/names.rs"]
mod names;
#[cfg(test)]
#[path = "architecture/paths.rs"]
mod paths;
#[cfg(test)]
#[path = "architecture/resolve.rs"]
mod resolve;
#[cfg(test)]
#[path = "architecture/source.rs"]
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use circles::circles;
use dependencies::{CRATES, FAKE_AWS};
use folders::{FOLDERS, NOT_YET, member_of};
use layers::{INSTALLER, SHARED_BY_VERBS};
use manifest::Manifest;
use modules::{Crate, Part};
use resolve::Resolver;
use source::{members, root, sources};

/// The trees of modules of a member's library and programs. Empty for a member that does not exist yet.
fn crates(member: &str) -> &'static [Crate] {
    trees(Part::Sources, member)
}

/// The trees of modules of each member, parsed once for all tests.
fn trees(part: Part, member: &str) -> &'static [Crate] {
    static PARSED: OnceLock<BTreeMap<(Part, String), Vec<Crate>>> = OnceLock::new();
    let parse = |part: Part, member: String| {
        let files = sources(&format!("{member}/{}", part.folder()));
        let parsed = part.starts(&files).filter_map(|start| Crate::parse(&member, part, start, &files));
        let parsed = parsed.collect();
        ((part, member), parsed)
    };
    let all = || {
        let of = |part| members().into_iter().map(move |member| parse(part, member));
        [Part::Sources, Part::Tests].into_iter().flat_map(of).collect()
    };
    PARSED.get_or_init(all).get(&(part, member.to_owned())).map_or(&[], Vec::as_slice)
}

#[test]
fn modules_of_a_crate_have_no_circles() {
    let mut found: Vec<String> = Vec::new();
    for member in members() {
        let parsed = crates(&member);
        assert!(!parsed.is_empty(), "{member} has neither a library nor a program");
        let parsed = parsed.iter().chain(trees(Part::Tests, &member));
        found.extend(parsed.flat_map(|parsed| circles(&Resolver::new(parsed))));
    }
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_file_of_tests_is_in_a_tree() {
    for member in members() {
        let folder = format!("{member}/{}", Part::Tests.folder());
        let parsed = trees(Part::Tests, &member).iter().flat_map(|parsed| &parsed.modules);
        let parsed: BTreeSet<&str> = parsed.map(|module| module.file.as_str()).collect();
        for file in sources(&folder).into_keys().map(|file| format!("{folder}/{file}")) {
            assert!(parsed.contains(file.as_str()), "{file} is in no tree of modules");
        }
    }
}

#[test]
fn every_crate_is_in_the_table() {
    for member in members() {
        assert!(CRATES.iter().any(|known| known.folder == member), "{member} is not in CRATES");
    }
}

#[test]
fn folders_import_only_permitted_paths() {
    let mut wrong = Vec::new();
    for folder in FOLDERS {
        let member = member_of(folder.place);
        for parsed in crates(member) {
            let resolver = Resolver::new(parsed);
            for module in 0..parsed.modules.len() {
                if folder.holds(&parsed.modules[module].file) {
                    wrong.extend(resolver.forbidden(module, folder));
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} imports against the table:\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns the uses of one module of the installer by another one that `permitted` rejects. Both are named by the segment
/// that follows `above` in their paths.
fn rejected(above: &str, permitted: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for parsed in crates("installer") {
        let below = |module: usize| parsed.modules[module].path.strip_prefix(above)?.split("::").next();
        for edge in Resolver::new(parsed).edges() {
            if let (Some(from), Some(to)) = (below(edge.from), below(edge.to))
                && from != to
                && !permitted(from, to)
            {
                let file = &parsed.modules[edge.from].file;
                wrong.push(format!("{file}:{}: {} is in {to}", edge.line, edge.path));
            }
        }
    }
    wrong
}

#[test]
fn modules_of_the_installer_import_only_permitted_ones() {
    let may = |from: &str, to: &str| {
        INSTALLER.iter().any(|(module, others)| *module == from && others.contains(&to))
    };
    let wrong = rejected("crate::", may);
    assert!(wrong.is_empty(), "{} imports against the table:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_module_of_the_installer_is_in_the_table() {
    let library = &crates("installer")[0];
    let modules: BTreeSet<&str> = library.modules[0].children.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = INSTALLER.iter().map(|(module, _)| *module).collect();
    assert_eq!(modules, listed);
    for (index, (module, others)) in INSTALLER.iter().enumerate() {
        let above = |other: &&str| INSTALLER[..index].iter().any(|(name, _)| name == other);
        assert!(others.iter().all(above), "{module} may import a module of its own layer or below");
    }
}

#[test]
fn verbs_do_not_import_each_other() {
    let wrong = rejected("crate::cli::", |_, to| SHARED_BY_VERBS.contains(&to));
    assert!(wrong.is_empty(), "{} imports of verbs:\n{}", wrong.len(), wrong.join("\n"));
    for shared in SHARED_BY_VERBS {
        assert!(exists(&format!("installer/src/cli/{shared}.rs")), "{shared} does not exist");
    }
}

#[test]
fn crates_depend_only_on_permitted_crates() {
    let names: BTreeSet<&str> = CRATES.iter().map(|known| known.name).collect();
    let wrong: Vec<String> = CRATES
        .iter()
        .filter(|known| exists(known.folder))
        .flat_map(|known| {
            let manifest = Manifest::read(&format!("{}/Cargo.toml", known.folder));
            assert_eq!(manifest.name, known.name, "{}", known.folder);
            known.wrong(&manifest, &names)
        })
        .collect();
    assert!(wrong.is_empty(), "{} dependencies against the table:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn only_tests_may_depend_on_the_fake_of_aws() {
    let with_fake = CRATES.iter().filter(|known| known.ours.contains(&FAKE_AWS));
    assert_eq!(with_fake.map(|known| known.folder).collect::<Vec<_>>(), ["tests"]);
}

#[test]
fn every_folder_of_the_tables_exists_unless_it_is_not_there_yet() {
    for folder in FOLDERS.iter().map(|known| known.place).chain(CRATES.iter().map(|known| known.folder)) {
        let planned = NOT_YET.iter().any(|planned| folder.starts_with(planned));
        assert!(exists(folder) || planned, "{folder} does not exist: remove it from the tables");
    }
    for planned in NOT_YET {
        assert!(!exists(planned), "{planned} exists now: remove it from NOT_YET");
    }
}

#[test]
fn folders_of_the_table_hold_modules() {
    for folder in FOLDERS.iter().filter(|folder| exists(folder.place)) {
        let parsed = crates(member_of(folder.place));
        let held = parsed.iter().flat_map(|parsed| &parsed.modules).any(|module| folder.holds(&module.file));
        assert!(held, "{} holds no module that the table could check", folder.place);
    }
}

fn exists(folder: &str) -> bool {
    root().join(folder).exists()
}
