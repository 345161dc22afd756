//! The journal: the intent and the outcome of each step and each call, on disk before and after it. It is a record and
//! not the source of truth: without it, devplat still finds all resources by their marks.

mod pending;

pub use pending::{Pending, pending};

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use devplat_image::{Access, replace_file};
use devplat_plan::Action;
use serde::{Deserialize, Serialize};

/// The version of the format that this devplat writes, and the newest that it reads. Version 1 has no calls.
pub const VERSION: u32 = 2;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// The time, in UTC.
    pub at: jiff::Timestamp,
    /// The id of the resource, as text.
    pub step: String,
    pub action: Action,
    /// The progress of the step or call.
    pub outcome: Outcome,
    /// The generation of the resource.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u32,
    /// The call within the step, such as `docker network create devplat-a`; `None` for the step as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The physical id of the resource that the call created, or else of the one that the step deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical: Option<String>,
}

/// The progress of a step or a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is", content = "why")]
pub enum Outcome {
    /// The step starts; written before its first call.
    Begun,
    /// The call is about to be made; written before it, and synced except for deletions and calls to the API server.
    Calling,
    /// The call returned without an error.
    Made,
    /// The step is done.
    Done,
    /// The step or the call failed, with the reason.
    Failed(String),
    /// Aborted because the user asked to stop.
    Abandoned,
}

/// The first line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
}

/// The reason why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer devplat wrote it.
    #[error("journal {} has version {found}; this devplat reads up to {VERSION}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A line before the last one is not an entry.
    #[error("line {line} of journal {} is not an entry", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The parser's error, which is not part of the message.
        error: serde_json::Error,
    },
    /// The file was deleted or replaced while the run was working.
    #[error("{} was deleted or replaced while devplat was working", gone.display())]
    Gone {
        /// The file, or its folder if that is absent.
        gone: PathBuf,
        /// The names of the other files that are still in the folder.
        left: BTreeSet<OsString>,
    },
    /// The file cannot be read or written.
    #[error("cannot {verb} journal {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        verb: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal at `path` for appending, creating it if it is absent, and returns its entries so far.
    ///
    /// Drops an incomplete last line: the run was killed while it wrote the line, so it never made the call. Rewrites a
    /// journal of an older version in this version.
    pub fn open(path: &Path) -> Result<(Self, Vec<JournalEntry>), Error> {
        let io = |verb| move |source| Error::Io { path: path.to_owned(), verb, source };
        let text = read_if_present(path).map_err(io("read"))?;
        let whole = whole_lines(&text);
        let (version, entries) = parse(path, &text[..whole])?;
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(io("write"))?;
        if version == Some(VERSION) {
            file.set_len(whole as u64).map_err(io("write"))?;
        } else {
            let mut lines = to_line(&Header { version: VERSION });
            lines.extend(entries.iter().map(to_line));
            if version.is_some() {
                replace_file(path, Access::Private, lines.as_bytes()).map_err(io("write"))?;
                file = OpenOptions::new().append(true).open(path).map_err(io("write"))?;
            } else {
                file.set_len(0).map_err(io("write"))?;
                file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(io("write"))?;
            }
        }
        Ok((Self { path: path.to_owned(), file }, entries))
    }

    /// Returns the entries of the journal at `path` without changing it; none if it is absent.
    pub fn read(path: &Path) -> Result<Vec<JournalEntry>, Error> {
        let text = read_if_present(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            verb: "read",
            source,
        })?;
        parse(path, &text[..whole_lines(&text)]).map(|(_, entries)| entries)
    }

    /// Appends entries and returns when they are on disk: for intents that must be on disk before the call.
    pub fn write_synced(&mut self, entries: &[JournalEntry]) -> Result<(), Error> {
        self.write(entries)?;
        self.file.sync_data().map_err(|source| self.cannot_write(source))
    }

    /// Appends entries without waiting for the disk: for all others. A killed run loses none of them. After a power cut,
    /// a lost outcome looks like a run that was killed before it, and the next run compares the resource itself.
    pub fn write(&mut self, entries: &[JournalEntry]) -> Result<(), Error> {
        if !self.is_in_place() {
            return Err(gone(&self.path));
        }
        let lines: String = entries.iter().map(to_line).collect();
        self.file.write_all(lines.as_bytes()).map_err(|source| self.cannot_write(source))
    }

    /// Returns whether the open file is still the one at its path: writes to a deleted file succeed and are lost.
    fn is_in_place(&self) -> bool {
        let id = |about: Metadata| (about.dev(), about.ino());
        match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(open), Ok(there)) => id(open) == id(there),
            // Only an absent file shows a deletion.
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), Ok(_)) => true,
        }
    }

    fn cannot_write(&self, source: io::Error) -> Error {
        Error::Io { path: self.path.clone(), verb: "write", source }
    }
}

/// Returns the error for a journal that is no longer at its path.
fn gone(path: &Path) -> Error {
    let folder = path.parent().unwrap_or(path);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let left =
        entries.map(|entry| entry.file_name()).filter(|name| Some(name.as_os_str()) != path.file_name());
    let left = left.collect();
    let gone = if folder.exists() { path } else { folder };
    Error::Gone { gone: gone.to_owned(), left }
}

/// Returns the last entry of each step that began and did not succeed.
pub fn unfinished(entries: &[JournalEntry]) -> Vec<&JournalEntry> {
    let mut last: Vec<&JournalEntry> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.call.is_none()) {
        last.retain(|earlier| earlier.step != entry.step);
        last.push(entry);
    }
    last.retain(|entry| entry.outcome != Outcome::Done);
    last
}

fn read_if_present(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Returns the length of `text` up to the end of its last complete line.
fn whole_lines(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

fn to_line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("journal lines are JSON") + "\n"
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(generation: &u32) -> bool {
    *generation == 0
}

/// Reads the version in the header, if there is one, and the entries.
fn parse(path: &Path, text: &[u8]) -> Result<(Option<u32>, Vec<JournalEntry>), Error> {
    let damaged = |line: usize| move |error| Error::Damaged { path: path.to_owned(), line, error };
    let mut lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let Some((_, first)) = lines.next() else { return Ok((None, Vec::new())) };
    let Header { version } = serde_json::from_slice(first).map_err(damaged(1))?;
    if version > VERSION {
        return Err(Error::Newer { path: path.to_owned(), found: version });
    }
    let entries: Result<Vec<JournalEntry>, Error> =
        lines.map(|(index, line)| serde_json::from_slice(line).map_err(damaged(index + 1))).collect();
    Ok((Some(version), entries?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: &str, outcome: Outcome) -> JournalEntry {
        JournalEntry {
            at: jiff::Timestamp::UNIX_EPOCH,
            step: step.to_owned(),
            action: Action::Create,
            outcome,
            generation: 0,
            call: None,
            physical: None,
        }
    }

    fn journal_with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    const VERSION_1: &str = concat!(
        "{\"version\":1}\n",
        "{\"at\":\"1970-01-01T00:00:00Z\",\"step\":\"cluster\",\"action\":\"create\",\"outcome\":{\"is\":\"begun\"}}\n",
        "{\"at\":\"1970-01-01T00:00:00Z\",\"step\":\"cluster\",\"action\":\"create\",\"outcome\":{\"is\":\"done\"}}\n",
    );

    #[test]
    fn entries_are_read_back_with_their_calls() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut journal, before) = Journal::open(&path).unwrap();
        assert_eq!(before, []);
        let call = JournalEntry {
            call: Some("docker network create devplat-a".to_owned()),
            physical: Some("0123abcd".to_owned()),
            generation: 1,
            ..entry("network", Outcome::Made)
        };
        let entries =
            [entry("network", Outcome::Begun), call, entry("network", Outcome::Failed("full".to_owned()))];
        journal.write_synced(&entries[..1]).unwrap();
        journal.write(&entries[1..]).unwrap();
        let (_, read) = Journal::open(&path).unwrap();
        assert_eq!(read, entries);
    }

    #[test]
    fn journal_of_version_1_is_read_and_rewritten_when_opened() {
        let (_folder, path) = journal_with(VERSION_1);
        let expected = [entry("cluster", Outcome::Begun), entry("cluster", Outcome::Done)];
        assert_eq!(Journal::read(&path).unwrap(), expected);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), VERSION_1, "reading changes nothing");
        let (mut journal, entries) = Journal::open(&path).unwrap();
        assert_eq!(entries, expected);
        assert!(unfinished(&entries).is_empty());
        journal.write(&[entry("network", Outcome::Calling)]).unwrap();
        assert_eq!(Journal::read(&path).unwrap().len(), 3);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("{\"version\":2}\n"));
    }

    #[test]
    fn incomplete_last_line_is_dropped_and_overwritten() {
        let (_folder, path) = journal_with("{\"version\":2}\n{\"at\":\"19");
        let (mut journal, entries) = Journal::open(&path).unwrap();
        assert_eq!(entries, []);
        journal.write_synced(&[entry("network", Outcome::Begun)]).unwrap();
        assert_eq!(Journal::read(&path).unwrap(), [entry("network", Outcome::Begun)]);
    }

    #[test]
    fn journal_with_an_incomplete_header_is_replaced() {
        let (_folder, path) = journal_with("{\"vers");
        Journal::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\":2}\n");
    }

    #[test]
    fn journal_of_a_newer_version_is_rejected_and_not_changed() {
        let (_folder, path) = journal_with("{\"version\":99}\n");
        let error = Journal::open(&path).unwrap_err();
        assert!(error.to_string().ends_with("has version 99; this devplat reads up to 2"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\":99}\n");
    }

    #[test]
    fn damage_before_the_end_is_reported_with_its_line() {
        let (_folder, path) = journal_with("{\"version\":1}\nrubbish\n");
        let error = Journal::open(&path).unwrap_err();
        assert!(error.to_string().starts_with("line 2 of journal "), "{error}");
    }

    #[test]
    fn entries_are_not_written_to_a_deleted_or_replaced_journal() {
        let (folder, path) = journal_with("{\"version\":2}\n");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let entries = [entry("network", Outcome::Begun)];
        journal.write(&entries).unwrap();
        std::fs::write(folder.path().join("new"), "").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let replaced = journal.write(&entries).unwrap_err();
        assert!(
            replaced.to_string().ends_with("journal.jsonl was deleted or replaced while devplat was working")
        );
        assert!(matches!(replaced, Error::Gone { gone, left } if gone == path && left.is_empty()));
        std::fs::write(folder.path().join("decisions.json"), "").unwrap();
        let replaced = journal.write(&entries).unwrap_err();
        let left = BTreeSet::from(["decisions.json".into()]);
        assert!(matches!(replaced, Error::Gone { left: names, .. } if names == left));
        std::fs::remove_dir_all(folder.path()).unwrap();
        let gone = journal.write_synced(&entries).unwrap_err().to_string();
        let why = format!("{} was deleted or replaced while devplat was working", folder.path().display());
        assert_eq!(gone, why);
    }

    #[test]
    fn unfinished_steps_are_those_begun_without_an_end() {
        let call = JournalEntry { call: Some("x".to_owned()), ..entry("network", Outcome::Calling) };
        let entries = [
            entry("network", Outcome::Begun),
            call,
            entry("cluster", Outcome::Begun),
            entry("network", Outcome::Done),
        ];
        assert_eq!(unfinished(&entries), [&entries[2]]);
    }
}
