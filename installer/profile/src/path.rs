//! Paths to values of a profile, written the same way in `--set`, in mistakes and by `devplat profiles show`.

use std::{fmt, str::FromStr};

/// A path such as `flavors.gpu.resources.limits.nvidia\.com/gpu` or `cluster.kind.portMappings[0].hostPort`. As in
/// Helm, a backslash escapes the character after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Segment {
    /// A key of a map.
    Key(String),
    /// An entry of a list, counted from 0.
    Index(usize),
}

/// Why a text is not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// Two dots in a row, a dot at one end, or nothing at all.
    #[error("a key is empty")]
    EmptyKey,
    /// A backslash at the end.
    #[error("a backslash at the end escapes no character")]
    LoneBackslash,
    /// Brackets around something other than a number, or text directly after them.
    #[error("brackets hold the number of a list entry, such as portMappings[0]")]
    BadIndex,
}

/// Characters with a special meaning in a path.
const SPECIAL: [char; 4] = ['\\', '.', '[', '='];

impl KeyPath {
    /// Returns the path of `keys` written with dots, none of which needs an escape.
    pub(crate) fn known(keys: &str) -> Self {
        Self(keys.split('.').map(|key| Segment::Key(key.to_owned())).collect())
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Returns the path of the first `length` segments.
    pub(crate) fn prefix(&self, length: usize) -> Self {
        Self(self.0.iter().take(length).cloned().collect())
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the path one key further down.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.then(Segment::Key(key.to_owned()))
    }

    /// Returns the path of the list entry at `index`.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    pub(crate) fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Segment::Key(key)) => Some(key),
            Some(Segment::Index(_)) | None => None,
        }
    }

    /// Returns whether this is the path `above` or one below it.
    pub fn starts_with(&self, above: &Self) -> bool {
        self.0.starts_with(&above.0)
    }

    fn then(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// Splits `path=value` at the first `=` that no backslash escapes.
    pub fn split(text: &str) -> Option<(&str, &str)> {
        let mut escaped = false;
        let end = text.find(|c| {
            let ends = c == '=' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        Some((&text[..end], &text[end + 1..]))
    }
}

impl FromStr for KeyPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            let (key, after) = read_key(rest)?;
            segments.push(Segment::Key(key));
            rest = after;
            while let Some(after) = rest.strip_prefix('[') {
                let (number, after) = after.split_once(']').ok_or(InvalidPath::BadIndex)?;
                segments.push(Segment::Index(number.parse().map_err(|_| InvalidPath::BadIndex)?));
                rest = after;
            }
            if rest.is_empty() {
                return Ok(Self(segments));
            }
            rest = rest.strip_prefix('.').ok_or(InvalidPath::BadIndex)?;
        }
    }
}

/// Reads one key and returns it with what follows it: a dot, a bracket or nothing.
fn read_key(text: &str) -> Result<(String, &str), InvalidPath> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = characters.next() {
        match c {
            '.' | '[' => {
                end = at;
                break;
            }
            '\\' => key.push(characters.next().ok_or(InvalidPath::LoneBackslash)?.1),
            c => key.push(c),
        }
    }
    if key.is_empty() { Err(InvalidPath::EmptyKey) } else { Ok((key, &text[end..])) }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) => {
                    if number > 0 {
                        f.write_str(".")?;
                    }
                    for c in key.chars() {
                        if SPECIAL.contains(&c) {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                }
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_path_reads_as_the_same_path() {
        for key in ["plain", "nvidia.com/gpu", r"back\slash", "list[0]", "a=b", r"\.", "ü"] {
            let path = KeyPath::known("flavors").key(key).index(7).key("x");
            assert_eq!(path.to_string().parse(), Ok(path), "{key}");
        }
    }

    #[test]
    fn escaped_dot_belongs_to_the_key() {
        let path: KeyPath = r"limits.nvidia\.com/gpu".parse().unwrap();
        assert_eq!(path, KeyPath::known("limits").key("nvidia.com/gpu"));
    }

    #[test]
    fn first_unescaped_equals_sign_ends_the_path() {
        assert_eq!(KeyPath::split("a.b=c=d"), Some(("a.b", "c=d")));
        assert_eq!(KeyPath::split(r"a\=b=c"), Some((r"a\=b", "c")));
        assert_eq!(KeyPath::split(r"a\\=c"), Some((r"a\\", "c")));
        assert_eq!(KeyPath::split("a.b"), None);
    }

    #[test]
    fn malformed_path_is_rejected_with_the_reason() {
        for (text, reason) in [
            ("", InvalidPath::EmptyKey),
            (".a", InvalidPath::EmptyKey),
            ("a.", InvalidPath::EmptyKey),
            ("a..b", InvalidPath::EmptyKey),
            ("[0]", InvalidPath::EmptyKey),
            (r"a\", InvalidPath::LoneBackslash),
            ("a[x]", InvalidPath::BadIndex),
            ("a[0", InvalidPath::BadIndex),
            ("a[0]b", InvalidPath::BadIndex),
            ("a[-1]", InvalidPath::BadIndex),
        ] {
            assert_eq!(text.parse::<KeyPath>(), Err(reason), "{text}");
        }
    }
}
