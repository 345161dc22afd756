//! Ids, as AWS forms them.

use std::fmt;

use serde::Serialize;

/// The id of a thing, such as `vpc-0a1b2c3d4e5f60718`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Id(String);

/// The odd number that the numbers of ids are multiplied with, so that their order is not the one in which things were
/// made: no client may depend on that order.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The next ids and addresses. The same calls give the same ids, so that two runs can be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Serial(u64);

impl Serial {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    /// Returns a new id with this prefix, which includes the hyphen.
    pub(crate) fn id(&mut self, prefix: &str) -> Id {
        let number = self.number().wrapping_mul(SPREAD);
        Id(format!("{prefix}0{number:016x}"))
    }

    /// Returns a new public address, of the range for documentation and tests of networks.
    pub(crate) fn public_address(&mut self) -> String {
        let number = self.number();
        format!("198.{}.{}.{}", 18 + (number >> 16) % 2, (number >> 8) % 256, number % 256)
    }
}

impl Id {
    /// Reads an id: `prefix` and 8 or 17 hexadecimal digits.
    pub(crate) fn parse(text: &str, prefix: &str) -> Option<Self> {
        let digits = text.strip_prefix(prefix)?;
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        (matches!(digits.len(), 8 | 17) && digits.chars().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_well_formed_and_not_in_the_order_of_making() {
        let mut serial = Serial::default();
        let ids: Vec<Id> = (0..20).map(|_| serial.id("vpc-")).collect();
        assert!(ids.iter().all(|id| Id::parse(id.as_str(), "vpc-").as_ref() == Some(id)));
        assert!(!ids.is_sorted());
    }

    #[test]
    fn other_texts_are_not_ids() {
        for text in ["", "vpc-", "vpc-0A1B2C3D", "vpc-123", "subnet-0a1b2c3d", "vpc-0a1b2c3d4e5f6071"] {
            assert_eq!(Id::parse(text, "vpc-"), None, "{text:?}");
        }
    }
}
