//! The words of the project, in its documents, comments, messages and test names: each folder of [`STRICT`] follows
//! the rules in [`rules`]. In those of [`FOLLOWING`] the number of findings may only fall;
//! `cargo test -p devplat-tests --test language -- --nocapture` prints them.

#[cfg(test)]
#[path = "language/echo.rs"]
mod echo;
#[cfg(test)]
#[path = "language/examples.rs"]
mod examples;
#[cfg(test)]
#[path = "language/lexer.rs"]
mod lexer;
#[cfg(test)]
#[path = "language/markdown.rs"]
mod markdown;
#[cfg(test)]
#[path = "language/message.rs"]
mod message;
#[cfg(test)]
#[path = "language/rules.rs"]
mod rules;
#[cfg(test)]
#[path = "language/rust.rs"]
mod rust;
#[cfg(test)]
#[path = "language/scope.rs"]
mod scope;
#[cfg(test)]
#[path = "language/shell.rs"]
mod shell;
#[cfg(test)]
#[path = "language/text.rs"]
mod text;

use std::{cmp::Ordering, collections::BTreeSet};

use rules::{Finding, Rules};
use scope::{EXCEPTIONS, FOLLOWING, INTERFACES, STRICT, files_with_prose, folder_of, root};
use text::{Block, Kind};

/// The files with prose in `folder`; of the whole workspace if it is empty.
fn files(folder: &str) -> Vec<String> {
    files_with_prose(folder, |path, text| blocks(path, text).is_some())
}

/// The prose of a file; `None` for a file without any, such as a snapshot.
fn blocks(path: &str, text: &str) -> Option<Vec<Block>> {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "rs" | "go" => {
            let mut blocks = rust::blocks(text, path.contains("tests/"));
            blocks.retain(|block| block.kind != Kind::Echo || !is_interface(path));
            Some(blocks)
        }
        "md" => Some(markdown::blocks(text)),
        "yaml" | "hbs" | "toml" | "sh" => Some(shell::blocks(text, 1)),
        _ if text.starts_with("#!") || path.ends_with("Dockerfile") => Some(shell::blocks(text, 1)),
        _ => None,
    }
}

/// Whether `missing_docs` wants a comment above every public item of `path`, also where the name alone would do.
fn is_interface(path: &str) -> bool {
    INTERFACES.iter().any(|folder| folder_of(folder, path))
}

/// Every finding in the folder `folder`, without those that an exception explains. The exceptions that explained
/// one are added to `used`.
fn findings(rules: &Rules, folder: &str, used: &mut BTreeSet<usize>) -> Vec<Finding> {
    let mut all = Vec::new();
    for file in files(folder) {
        let text =
            std::fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        for block in blocks(&file, &text).unwrap_or_default() {
            for finding in rules.check(&file, &block) {
                let explained = EXCEPTIONS
                    .iter()
                    .position(|known| known.file == file && finding.sentence.contains(known.text));
                match explained {
                    Some(index) => drop(used.insert(index)),
                    None => all.push(finding),
                }
            }
        }
    }
    all
}

#[test]
fn strict_folders_follow_the_rules() {
    let (rules, mut used) = (Rules::new(), BTreeSet::new());
    let found: Vec<String> = STRICT
        .iter()
        .flat_map(|folder| findings(&rules, folder, &mut used))
        .map(|finding| finding.to_string())
        .collect();
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let (rules, mut used) = (Rules::new(), BTreeSet::new());
    for exception in EXCEPTIONS {
        findings(&rules, exception.file, &mut used);
    }
    for (index, exception) in EXCEPTIONS.iter().enumerate() {
        assert!(!exception.why.is_empty(), "{}: `{}` has no reason", exception.file, exception.text);
        assert!(used.contains(&index), "{}: `{}` is no longer found", exception.file, exception.text);
    }
}

/// The mistake in the stored number of a folder's findings, if there is one.
fn miscounted(folder: &str, found: usize, stored: usize) -> Option<String> {
    match found.cmp(&stored) {
        Ordering::Less => Some(format!("{folder}: store {found} in FOLLOWING, in place of {stored}")),
        Ordering::Equal => None,
        Ordering::Greater => {
            Some(format!("{folder}: {found} findings, and only {stored} before: correct the new ones"))
        }
    }
}

/// Prints the findings of the folders that are still to follow.
#[test]
fn findings_of_folders_still_to_follow_only_fall() {
    let (rules, mut used) = (Rules::new(), BTreeSet::new());
    let mut mistakes = Vec::new();
    for (folder, stored) in FOLLOWING {
        let found = findings(&rules, folder, &mut used);
        for finding in &found {
            println!("{finding}");
        }
        mistakes.extend(miscounted(folder, found.len(), *stored));
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn any_other_number_of_findings_is_a_mistake() {
    assert_eq!(miscounted("cli", 4, 4), None);
    assert_eq!(miscounted("cli", 3, 4).unwrap(), "cli: store 3 in FOLLOWING, in place of 4");
    let more = miscounted("cli", 5, 4).unwrap();
    assert_eq!(more, "cli: 5 findings, and only 4 before: correct the new ones");
}

#[test]
fn comments_and_errors_of_go_are_read() {
    let source = "// One comment.\nfunc stop() error {\n\treturn errors.New(`no such node here`)\n}\n";
    let found: Vec<String> =
        blocks("a.go", source).unwrap_or_default().into_iter().map(|block| block.text).collect();
    assert_eq!(found, ["One comment.", "no such node here"]);
}

#[test]
fn comments_of_a_dockerfile_are_read() {
    let found = blocks("node/Dockerfile", "# The node.\nFROM a\n").unwrap_or_default();
    assert_eq!(found.into_iter().map(|block| block.text).collect::<Vec<_>>(), ["The node."]);
}

#[test]
fn repeated_names_are_found_outside_of_interfaces() {
    let kinds = |path| -> Vec<Kind> {
        let blocks = blocks(path, "/// The plan.\nplan: Plan,\n").unwrap_or_default();
        blocks.into_iter().map(|block| block.kind).collect()
    };
    assert_eq!(kinds("installer/src/planning.rs"), [Kind::Doc, Kind::Echo]);
    assert_eq!(kinds("installer/profile/src/lib.rs"), [Kind::Doc]);
}

#[test]
fn interfaces_are_the_crates_that_warn_of_missing_docs() {
    let warns = |file: &String| {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        text.lines().any(|line| line == "#![warn(missing_docs)]")
    };
    let roots =
        files("").into_iter().filter(|file| file.ends_with("src/lib.rs") || file.ends_with("src/main.rs"));
    let found: BTreeSet<String> = roots.filter(warns).collect();
    assert_eq!(found, INTERFACES.iter().map(|folder| format!("{folder}/src/lib.rs")).collect());
}

#[test]
fn every_folder_is_strict_or_still_to_follow() {
    for file in files("") {
        let following = FOLLOWING.iter().map(|(folder, _)| folder);
        let owners = STRICT.iter().chain(following).filter(|folder| folder_of(folder, &file)).count();
        assert_eq!(owners, 1, "{file} is in {owners} of the folders of STRICT and FOLLOWING");
    }
}

#[test]
fn finding_names_file_line_rule_and_better_word() {
    let text = "fn quiet() {}\n\n/// The reason, as\n/// whoever reads it\n/// needs it.\nfn reason() {}\n";
    let found: Vec<String> = rust::blocks(text, false)
        .iter()
        .flat_map(|block| Rules::new().check("a.rs", block))
        .map(|finding| finding.to_string())
        .collect();
    assert_eq!(
        found,
        ["a.rs:4: whoever: the reader needs an actor; \
          better: user, client, peer, caller, operator, kubelet, `no one`"]
    );
}
