//! The file of a user that devplat created, and its end with the last block. Pure.

use super::lines::{lines, platforms};

/// The parts of the path of a file that devplat created. A line in the file records them, so that they are deleted with the
/// last block, also by a devplat that has lost its state folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Created {
    File,
    /// The file and its folder.
    Folder,
}

impl Created {
    /// Returns the line that records them.
    pub(super) fn line(self) -> &'static str {
        match self {
            Self::File => {
                "# devplat created this file, and deletes it with its last block if no other line is in it\n"
            }
            Self::Folder => {
                "# devplat created this file and its folder, and deletes them with its last block if they hold nothing else\n"
            }
        }
    }

    /// Returns the parts that a line records.
    fn of(line: &[u8]) -> Option<Self> {
        let records = |created: &Self| line.trim_ascii_end() == created.line().trim_end().as_bytes();
        [Self::File, Self::Folder].into_iter().find(records)
    }
}

/// The remains of a file after the removal of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileRemains {
    /// A file with this content.
    Text(Vec<u8>),
    /// Only parts that devplat created.
    Nothing(Created),
}

/// Returns the remains of a file whose lines outside of the removed block are `rest`. The line about its creation stays
/// until the last block of any platform is removed.
pub(super) fn remains(rest: Vec<u8>) -> FileRemains {
    let created = lines(&rest).find_map(Created::of);
    let Some(created) = created.filter(|_| platforms(&rest).is_empty()) else {
        return FileRemains::Text(rest);
    };
    let other = lines(&rest).filter(|line| Created::of(line).is_none()).collect::<Vec<_>>().concat();
    if other.trim_ascii().is_empty() { FileRemains::Nothing(created) } else { FileRemains::Text(other) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::lines::Block, *};

    const MINE: &str = "Host mine\n  HostName mine.example\n";

    fn block(platform: &str) -> Block {
        Block::of(platform, Path::new("/state/ssh/hosts"))
    }

    #[test]
    fn created_file_remains_until_the_last_block_is_removed() {
        let text = |parts: &[&str]| FileRemains::Text(parts.concat().into_bytes());
        let of = |parts: &[&str]| remains(parts.concat().into_bytes());
        for created in [Created::File, Created::Folder] {
            let (line, other) = (created.line(), block("other").text());
            assert_eq!(of(&[line]), FileRemains::Nothing(created));
            assert_eq!(of(&["\n", line, " \n"]), FileRemains::Nothing(created));
            assert_eq!(of(&[other.as_str(), line]), text(&[other.as_str(), line]));
            assert_eq!(of(&[line, MINE]), text(&[MINE]));
        }
        assert_eq!(of(&[]), text(&[]), "the user's own file, although it is empty");
        assert_eq!(of(&[MINE]), text(&[MINE]));
    }
}
