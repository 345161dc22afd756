//! What was begun and what ended, on disk before and after each step. It is a record, not the truth: with it
//! deleted, everything is still found by its marks of ownership.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::plan::Action;

/// The version of the format that this devplat writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, in UTC.
    pub at: jiff::Timestamp,
    /// Which resource, as plans name it.
    pub step: String,
    /// What is done to it.
    pub action: Action,
    /// How far it is.
    pub outcome: Outcome,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is", content = "why")]
pub enum Outcome {
    /// About to be done; written and synced before the call that does it.
    Begun,
    /// Done.
    Done,
    /// Not done, with the reason.
    Failed(String),
    /// Given up half-way because the user asked to stop.
    Abandoned,
}

/// The first line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer devplat wrote it.
    #[error("journal {} is of version {found}; this devplat reads up to {VERSION}", path.display())]
    Newer {
        /// Where it lies.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A line that is no entry stands before the end.
    #[error("journal {}:{line} is no entry", path.display())]
    Damaged {
        /// Where it lies.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It cannot be read or written.
    #[error("journal {} cannot be {verb}", path.display())]
    Io {
        /// Where it lies.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
}

/// An open journal. Each entry is on disk when [`Journal::write`] returns.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal at `path` to append, making it where there is none, and gives what it said before.
    ///
    /// A last line that was cut off while it was written is dropped: what it would have said was never acted on.
    pub fn open(path: &Path) -> Result<(Self, Vec<Entry>), Error> {
        let io = |verb| move |source| Error::Io { path: path.to_owned(), verb, source };
        let text = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io("read")(error)),
        };
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let entries = parse(path, &text[..whole])?;
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(io("written"))?;
        file.set_len(whole as u64).map_err(io("written"))?;
        if whole == 0 {
            let header = serde_json::to_string(&Header { version: VERSION }).expect("a number is JSON");
            writeln!(file, "{header}").and_then(|()| file.sync_all()).map_err(io("written"))?;
        }
        Ok((Self { path: path.to_owned(), file }, entries))
    }

    /// What the journal at `path` says, without changing it; nothing where there is none.
    pub fn read(path: &Path) -> Result<Vec<Entry>, Error> {
        match std::fs::read(path) {
            Ok(text) => {
                let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                parse(path, &text[..whole])
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(Error::Io { path: path.to_owned(), verb: "read", source }),
        }
    }

    /// Appends one entry and waits until it is on disk.
    pub fn write(&mut self, entry: &Entry) -> Result<(), Error> {
        let mut line = serde_json::to_string(entry).expect("an entry is JSON");
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|source| Error::Io { path: self.path.clone(), verb: "written", source })
    }
}

/// The steps that were begun and of which no end is known, latest state of each.
pub fn unfinished(entries: &[Entry]) -> Vec<&Entry> {
    let mut last: Vec<&Entry> = Vec::new();
    for entry in entries {
        last.retain(|earlier| earlier.step != entry.step);
        last.push(entry);
    }
    last.retain(|entry| entry.outcome != Outcome::Done);
    last
}

fn parse(path: &Path, text: &[u8]) -> Result<Vec<Entry>, Error> {
    let damaged = |line: usize| move |source| Error::Damaged { path: path.to_owned(), line, source };
    let mut lines = text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let Some((_, first)) = lines.next() else { return Ok(Vec::new()) };
    let Header { version } = serde_json::from_slice(first).map_err(damaged(1))?;
    if version > VERSION {
        return Err(Error::Newer { path: path.to_owned(), found: version });
    }
    lines.map(|(index, line)| serde_json::from_slice(line).map_err(damaged(index + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: &str, outcome: Outcome) -> Entry {
        Entry { at: jiff::Timestamp::UNIX_EPOCH, step: step.to_owned(), action: Action::Create, outcome }
    }

    fn journal_with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut journal, before) = Journal::open(&path).unwrap();
        assert_eq!(before, []);
        journal.write(&entry("cluster", Outcome::Begun)).unwrap();
        journal.write(&entry("cluster", Outcome::Failed("no room".to_owned()))).unwrap();
        let (_, read) = Journal::open(&path).unwrap();
        assert_eq!(
            read,
            [entry("cluster", Outcome::Begun), entry("cluster", Outcome::Failed("no room".to_owned()))]
        );
    }

    #[test]
    fn journal_of_version_1_still_parses() {
        let (_folder, path) = journal_with(concat!(
            "{\"version\":1}\n",
            "{\"at\":\"1970-01-01T00:00:00Z\",\"step\":\"cluster\",\"action\":\"create\",\"outcome\":{\"is\":\"begun\"}}\n",
            "{\"at\":\"1970-01-01T00:00:00Z\",\"step\":\"cluster\",\"action\":\"create\",\"outcome\":{\"is\":\"done\"}}\n",
        ));
        let entries = Journal::read(&path).unwrap();
        assert_eq!(entries, [entry("cluster", Outcome::Begun), entry("cluster", Outcome::Done)]);
        assert!(unfinished(&entries).is_empty());
    }

    #[test]
    fn line_cut_off_at_the_end_is_dropped_and_written_over() {
        let (_folder, path) = journal_with("{\"version\":1}\n{\"at\":\"19");
        let (mut journal, entries) = Journal::open(&path).unwrap();
        assert_eq!(entries, []);
        journal.write(&entry("network", Outcome::Begun)).unwrap();
        assert_eq!(Journal::read(&path).unwrap(), [entry("network", Outcome::Begun)]);
    }

    #[test]
    fn header_cut_off_makes_a_new_journal() {
        let (_folder, path) = journal_with("{\"vers");
        Journal::open(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\":1}\n");
    }

    #[test]
    fn journal_of_a_newer_version_is_refused_and_left_as_it_is() {
        let (_folder, path) = journal_with("{\"version\":99}\n");
        let error = Journal::open(&path).unwrap_err();
        assert!(error.to_string().ends_with("is of version 99; this devplat reads up to 1"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\":99}\n");
    }

    #[test]
    fn damage_before_the_end_is_told_with_its_line() {
        let (_folder, path) = journal_with("{\"version\":1}\nrubbish\n");
        let error = Journal::open(&path).unwrap_err();
        assert!(error.to_string().ends_with("journal.jsonl:2 is no entry"), "{error}");
    }

    #[test]
    fn unfinished_are_those_begun_without_an_end() {
        let entries = [
            entry("network", Outcome::Begun),
            entry("cluster", Outcome::Begun),
            entry("network", Outcome::Done),
        ];
        assert_eq!(unfinished(&entries), [&entries[1]]);
    }
}
