//! Reads a file of the user's, or another input, as text: with a limit, and with the reason why it has no text.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The reason why an input has no text.
#[derive(Debug, thiserror::Error)]
pub enum NoText {
    /// The file does not exist.
    #[error("there is no such file")]
    Absent,
    /// It is a folder.
    #[error("it is a folder")]
    Folder,
    /// This account may not read it.
    #[error("this user may not read it")]
    Forbidden,
    /// It has more bytes than this limit.
    #[error("it is longer than {}", size(*.0))]
    TooLong(u64),
    /// It is not UTF-8 from this byte on, counted from 0.
    #[error("it is not UTF-8 (at byte {0})")]
    NotUtf8(usize),
    /// Any other failure of a read.
    #[error("{0}")]
    Other(#[source] io::Error),
}

impl NoText {
    /// The remedy that is the same for all inputs, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotUtf8(_) => Some("save the file as UTF-8".to_owned()),
            Self::Absent | Self::Folder | Self::Forbidden | Self::TooLong(_) | Self::Other(_) => None,
        }
    }
}

impl From<io::Error> for NoText {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            io::ErrorKind::IsADirectory => Self::Folder,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Other(error),
        }
    }
}

/// Reads a file of at most `most` bytes. A pipe may keep it waiting: see [`Host::text_of`](crate::host::Host::text_of).
pub fn read(path: &Path, most: u64) -> Result<String, NoText> {
    text(File::open(path)?, most)
}

/// Reads an input of at most `most` bytes to its end.
pub fn text(input: impl Read, most: u64) -> Result<String, NoText> {
    let mut bytes = Vec::new();
    input.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(NoText::TooLong(most));
    }
    String::from_utf8(bytes).map_err(|error| NoText::NotUtf8(error.utf8_error().valid_up_to()))
}

fn size(bytes: u64) -> String {
    let mib = bytes >> 20;
    if mib << 20 == bytes { format!("{mib} MiB") } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(read: Result<String, NoText>) -> String {
        read.unwrap_err().to_string()
    }

    #[test]
    fn input_longer_than_its_limit_is_an_error() {
        assert_eq!(text(&b"four"[..], 4).unwrap(), "four");
        assert_eq!(why(text(&b"four"[..], 3)), "it is longer than 3 bytes");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.yaml");
        let file = File::create(&path).unwrap();
        file.set_len(16 << 20).unwrap();
        assert_eq!(read(&path, 16 << 20).unwrap().len(), 16 << 20);
        file.set_len((16 << 20) + 1).unwrap();
        assert_eq!(why(read(&path, 16 << 20)), "it is longer than 16 MiB");
    }

    #[test]
    fn each_reason_has_its_own_text() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(why(read(folder.path(), 9)), "it is a folder");
        assert_eq!(why(read(&folder.path().join("none"), 9)), "there is no such file");
        assert_eq!(
            why(Err(io::Error::from(io::ErrorKind::PermissionDenied).into())),
            "this user may not read it"
        );
        assert_eq!(why(text(&b"caf\xe9"[..], 9)), "it is not UTF-8 (at byte 3)");
    }
}
