//! Accounts of this machine, as marks name them.

use std::fmt;

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its user ID.
    pub uid: u32,
    pub name: String,
}

/// The longest name of an account, in bytes. Linux allows 32; a directory of an organisation has longer ones.
pub(super) const LONGEST_NAME: usize = 128;

impl Account {
    /// Reads a user ID and a name with `between` in between. Returns `None` for a name that devplat does not write.
    pub fn parse(text: &str, between: char) -> Option<Self> {
        let (uid, name) = text.split_once(between)?;
        let uid = uid.parse().ok()?;
        Self::accepts_name(name).then(|| Self { uid, name: name.to_owned() })
    }

    /// Returns whether a text can be the name of an account in a mark: one line, of which the last part of a path can be
    /// made.
    pub fn accepts_name(name: &str) -> bool {
        let fits = |c: char| !c.is_control() && c != '/';
        (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uid, name } = self;
        write!(f, "{uid}:{name}")
    }
}
