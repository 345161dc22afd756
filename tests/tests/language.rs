//! The words of the project, in its documents, comments, messages and test names: each folder of [`STRICT`] follows
//! the rules in [`rules`]. The others are counted: `cargo test -p devplat-tests --test language -- --nocapture`.

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

use std::collections::{BTreeMap, BTreeSet};

use rules::{Finding, Rules};
use scope::{EXCEPTIONS, FOLLOWING, STRICT, files, folder_of, root};
use text::Block;

/// The prose of a file; `None` for a file without any, such as a snapshot.
fn blocks(path: &str, text: &str) -> Option<Vec<Block>> {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "rs" => Some(rust::blocks(text, path.contains("tests/"))),
        "md" => Some(markdown::blocks(text)),
        "yaml" | "hbs" | "toml" | "sh" => Some(shell::blocks(text)),
        _ if text.starts_with("#!") => Some(shell::blocks(text)),
        _ => None,
    }
}

/// Every finding in the folder `folder`, without those that an exception explains. The exceptions that explained
/// one are added to `used`.
fn findings(rules: &Rules, folder: &str, used: &mut BTreeSet<usize>) -> Vec<Finding> {
    let mut all = Vec::new();
    for file in files(folder) {
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else { continue };
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

/// Prints the findings of the folders that are still to follow, and their number per folder.
#[test]
fn folders_still_to_follow_are_counted() {
    let (rules, mut used) = (Rules::new(), BTreeSet::new());
    let mut counts = BTreeMap::new();
    for folder in FOLLOWING {
        let found = findings(&rules, folder, &mut used);
        for finding in &found {
            println!("{finding}");
        }
        counts.insert(folder, found.len());
    }
    for (folder, count) in counts {
        println!("{count:5} {folder}");
    }
}

#[test]
fn every_folder_is_strict_or_still_to_follow() {
    for file in files("") {
        let owners = STRICT.iter().chain(FOLLOWING).filter(|folder| folder_of(folder, &file)).count();
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
