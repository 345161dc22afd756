//! The parser and the resolver, tried on crates of a few lines.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    circles::circles,
    dependencies::CRATES,
    folders::Folder,
    manifest::Manifest,
    modules::{Crate, Part},
    resolve::Resolver,
};

fn parsed(files: &[(&str, &str)]) -> Crate {
    let files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Crate::parse("member", Part::Sources, "lib.rs", &files).unwrap()
}

/// The edges, as `from -> to`.
fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let parsed = parsed(files);
    let resolver = Resolver::new(&parsed);
    let name = |module: usize| parsed.modules[module].path.trim_start_matches("crate::").to_owned();
    resolver.edges().iter().map(|edge| format!("{} -> {}", name(edge.from), name(edge.to))).collect()
}

fn circle(files: &[(&str, &str)]) -> Vec<String> {
    circles(&Resolver::new(&parsed(files)))
}

#[test]
fn paths_in_use_types_expressions_and_macros_are_edges() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("a.rs", "use crate::b::B; fn a(_: super::c::C) { crate::d::d(); println!(\"{}\", crate::e::E); }"),
        ("b.rs", "pub struct B;"),
        ("c.rs", "pub struct C;"),
        ("d.rs", "pub fn d() {}"),
        ("e.rs", "pub const E: u8 = 1;"),
    ];
    assert_eq!(
        edges(&files).into_iter().collect::<BTreeSet<_>>(),
        ["a -> b", "a -> c", "a -> d", "a -> e"].map(str::to_owned).into()
    );
}

#[test]
fn export_is_followed_to_the_definition() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::{self, One as First, inner::Two}; fn a(_: First, _: Two) { b::three(); }"),
        ("b/mod.rs", "mod one; pub mod inner; mod three; pub use one::One; pub use three::*;"),
        ("b/one.rs", "pub struct One;"),
        ("b/inner.rs", "pub struct Two;"),
        ("b/three.rs", "pub fn three() {}"),
    ];
    assert_eq!(edges(&files), ["a -> b::one", "a -> b::inner", "a -> b::three"]);
}

#[test]
fn exports_of_children_make_no_circle() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; pub use b::B; pub struct Shared;"),
        ("a/b.rs", "use super::Shared; pub struct B(Shared);"),
    ];
    assert_eq!(circle(&files), Vec::<String>::new());
}

#[test]
fn parent_that_calls_a_child_that_uses_the_parent_is_a_circle() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; pub struct Shared; fn run() { b::b(); }"),
        ("a/b.rs", "use super::Shared; pub fn b(_: Shared) {}"),
    ];
    assert_eq!(
        circle(&files),
        [
            "  2 modules use each other: crate::a, crate::a::b\n    member/src/a/mod.rs:1: b::b is in crate::a::b\n    \
          member/src/a/b.rs:1: super::Shared is in crate::a"
        ]
    );
}

#[test]
fn circle_through_an_export_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; pub use c::C;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use crate::C; pub struct B(C);"),
        ("c.rs", "pub struct C; fn c() { crate::a::A; }"),
    ];
    assert_eq!(circle(&files).len(), 1);
    assert!(circle(&files)[0].starts_with("  3 modules use each other: crate::a, crate::b, crate::c\n"));
}

#[test]
fn tests_may_use_anything() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }"),
        ("b.rs", "use crate::a::A; pub struct B(A); #[cfg(test)] mod tests;"),
        ("b/tests.rs", "use crate::nothing::at::all;"),
    ];
    assert_eq!(edges(&files), ["b -> a"]);
}

#[test]
fn files_that_a_macro_declares_are_modules() {
    let files = [
        ("lib.rs", "mod list; mod other;"),
        ("list/mod.rs", "kinds! { one }"),
        ("list/one.rs", "use crate::other::Other;"),
        ("other.rs", "pub struct Other; fn a() { crate::list::one::go(); }"),
    ];
    assert_eq!(edges(&files), ["other -> list::one", "list::one -> other"]);
}

#[test]
fn path_attribute_and_inline_modules_are_followed() {
    let files = [
        ("lib.rs", "#[path = \"elsewhere.rs\"] mod a; mod b { pub mod c { pub struct C; } }"),
        ("elsewhere.rs", "use crate::b::c::C;"),
    ];
    assert_eq!(edges(&files), ["a -> b::c"]);
}

#[test]
fn each_program_in_bin_is_a_tree_of_its_own() {
    let files: BTreeMap<String, String> = [
        ("lib.rs", "mod a;"),
        ("a.rs", "pub struct A;"),
        ("bin/one.rs", "fn main() {}"),
        ("bin/two/main.rs", "mod b; fn main() {}"),
        ("bin/two/b.rs", "pub struct B;"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    assert_eq!(
        trees(Part::Sources, &files),
        ["lib.rs: crate crate::a", "bin/one.rs: crate", "bin/two/main.rs: crate crate::b"]
    );
}

#[test]
fn each_file_and_main_of_tests_is_a_tree_with_its_tests() {
    let files: BTreeMap<String, String> = [
        ("one.rs", "#[cfg(test)] #[path = \"one/deep/mod.rs\"] mod deep;"),
        ("one/deep/mod.rs", "mod a; #[test] fn tried() { crate::b(); }"),
        ("one/deep/a.rs", ""),
        ("two/main.rs", "mod b;"),
        ("two/b.rs", ""),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into();
    assert_eq!(
        trees(Part::Tests, &files),
        ["one.rs: crate crate::deep crate::deep::a", "two/main.rs: crate crate::b"]
    );
    let tree = Crate::parse("member", Part::Tests, "one.rs", &files).unwrap();
    let deep = &tree.modules[1];
    assert_eq!(deep.file, "member/tests/one/deep/mod.rs");
    assert!(deep.used.iter().any(|used| used.path == ["crate", "b"]), "{:?}", deep.used);
}

/// Returns each tree with its modules.
fn trees(part: Part, files: &BTreeMap<String, String>) -> Vec<String> {
    let shown = |start: &str| {
        let tree = Crate::parse("member", part, start, files)?;
        let paths: Vec<&str> = tree.modules.iter().map(|module| module.path.as_str()).collect();
        Some(format!("{start}: {}", paths.join(" ")))
    };
    part.starts(files).filter_map(shown).collect()
}

#[test]
fn forbidden_paths_are_found_through_imports_and_in_code() {
    let text = "use std::{fs, net::IpAddr}; use jiff::Timestamp as Time;\n\
                fn a() { fs::read(\"x\"); Time::now(); std::env::var(\"x\"); }\nfn b(_: IpAddr) {}";
    let parsed = parsed(&[("lib.rs", text)]);
    let folder = Folder {
        place: "member/src",
        except: &[],
        never: &[&["std::fs", "Timestamp::now", "std::env"]],
        reason: "an example",
    };
    let found = Resolver::new(&parsed).forbidden(0, &folder);
    let paths: Vec<&str> = found.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(paths, ["std::fs", "std::fs::read", "jiff::Timestamp::now", "std::env::var"]);
}

#[test]
fn exception_of_a_folder_is_a_file_or_a_folder_in_it() {
    let folder = Folder { place: "m/src", except: &["ui", "main.rs"], never: &[], reason: "" };
    assert!(folder.holds("m/src/lib.rs") && folder.holds("m/src/uis.rs"));
    assert!(
        !folder.holds("m/src/ui/mod.rs") && !folder.holds("m/src/main.rs") && !folder.holds("m/srcs/a.rs")
    );
}

#[test]
fn dependency_outside_of_the_table_is_found() {
    let plan = CRATES.iter().find(|known| known.name == "devplat-plan").unwrap();
    let manifest = Manifest::parse(
        "[package]\nname = \"devplat-plan\"\n[dependencies]\nserde = \"1\"\nkube = \"5\"\ndevplat-api = \"0\"\n",
    );
    let ours = BTreeSet::from(["devplat-plan", "devplat-api"]);
    assert_eq!(
        plan.wrong(&manifest, &ours),
        ["installer/plan/Cargo.toml: devplat-api", "installer/plan/Cargo.toml: kube"]
    );
}
