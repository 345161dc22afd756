//! The files that the rules hold for, and the sentences that they leave out.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders and files that follow every rule. A folder moves here from [`FOLLOWING`] once it has no finding.
pub(crate) const STRICT: &[&str] = &[
    ".cargo",
    ".ci",
    "ARCHITECTURE.md",
    "Cargo.toml",
    "README.md",
    "bench",
    "bootstrap",
    "check",
    "clippy.toml",
    "connect",
    "deny.toml",
    "docs",
    "installer",
    "profiles",
    "quickstart",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "templates",
    "tests",
    "third-party/README.md",
    "third-party/aws-sdk",
];

/// Folders and files that are still to follow, each with its number of findings, which may only fall.
pub(crate) const FOLLOWING: &[(&str, usize)] = &[("bastion", 704), ("cli", 194), ("operator", 418)];

/// Crates that are interfaces: every public item of theirs has a comment.
pub(crate) const INTERFACES: &[&str] = &["bastion/keys", "installer/profile", "operator/api"];

/// Not ours, not prose, or, as with the rules and their examples, made of the words that are looked for.
const LEFT_OUT: &[&str] = &[
    ".git",
    "target",
    "bench-results",
    "third-party/russh",
    "third-party/aws-sdk/ec2",
    "third-party/aws-sdk/sts",
    "tests/tests/language/examples.rs",
    "tests/tests/language/rules.rs",
];

/// A sentence that a rule finds and that stays.
pub(crate) struct Exception {
    pub(crate) file: &'static str,
    /// Part of the sentence, code in it as `X`.
    pub(crate) text: &'static str,
    pub(crate) why: &'static str,
}

/// Every exception. One that no rule finds any more fails a test.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "tests/tests/language.rs",
        text: "whoever",
        why: "the sample sentence of a test that expects the finding",
    },
    Exception {
        file: "tests/tests/apiserver/devctl.rs",
        text: "does not let you",
        why: "a message of devctl, whose folder is still to follow",
    },
];

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether `file` is `folder` or lies in it.
pub(crate) fn folder_of(folder: &str, file: &str) -> bool {
    file.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a file of this path and text has prose.
type IsProse = fn(&str, &str) -> bool;

/// The files with prose that lie in `folder`, which may itself be a file; of the whole workspace if it is empty.
pub(crate) fn files_with_prose(folder: &str, is_prose: IsProse) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root(), folder, is_prose, &mut found);
    found.sort();
    found
}

fn walk(root: &Path, place: &str, is_prose: IsProse, found: &mut Vec<String>) {
    if LEFT_OUT.iter().any(|out| folder_of(out, place)) {
        return;
    }
    let path = root.join(place);
    let Ok(entries) = fs::read_dir(&path) else {
        if fs::read_to_string(&path).is_ok_and(|text| is_prose(place, &text)) {
            found.push(place.to_owned());
        }
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let place = if place.is_empty() { name } else { format!("{place}/{name}") };
        walk(root, &place, is_prose, found);
    }
}
