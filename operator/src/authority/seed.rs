//! The one secret of the platform: 32 random bytes, which are made once and kept.

use std::fmt;

use devplat_api::name::{HOST_AUTHORITY_SECRET, SEED};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde_json::{Value, json};
use thiserror::Error;

use super::metadata::metadata;

/// Bytes that all keys come from. Whoever has them is any host of the platform.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Seed([u8; 32]);

/// Why a Secret holds no seed.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "Secret {HOST_AUTHORITY_SECRET} does not have 32 bytes under {SEED:?}; put them back from a backup, or delete it to have new keys made for all servers"
)]
pub(crate) struct NoSeed;

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// A new one.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The one that a Secret holds.
    pub(super) fn of(secret: &Secret) -> Result<Self, NoSeed> {
        let bytes = secret.data.as_ref().and_then(|data| data.get(SEED));
        bytes.and_then(|bytes| bytes.0.as_slice().try_into().ok()).map(Self).ok_or(NoSeed)
    }

    /// The Secret that holds it, in `namespace`.
    pub(super) fn secret(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": metadata(HOST_AUTHORITY_SECRET, namespace),
            "data": {(SEED): ByteString(self.0.to_vec())},
        })
    }

    /// The bytes that keys are derived from.
    pub(super) fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(secret: Value) -> Result<Seed, NoSeed> {
        Seed::of(&serde_json::from_value(secret).unwrap())
    }

    #[test]
    fn a_seed_outlives_its_secret() {
        let seed = Seed([7; 32]);
        assert_eq!(read(seed.secret("somewhere")), Ok(seed));
    }

    #[test]
    fn two_seeds_are_two() {
        assert_ne!(Seed::random().unwrap(), Seed::random().unwrap());
    }

    #[test]
    fn a_secret_with_other_bytes_is_told_and_not_used() {
        for data in
            [json!({}), json!({"seed": ByteString(vec![7; 31])}), json!({"key": ByteString(vec![7; 32])})]
        {
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": data});
            let said = read(secret).unwrap_err().to_string();
            assert!(
                said.starts_with("Secret ssh-host-authority does not have 32 bytes under \"seed\""),
                "{said}"
            );
        }
    }

    #[test]
    fn a_seed_is_not_in_what_a_log_shows() {
        assert_eq!(format!("{:?}", Seed([7; 32])), "Seed(…)");
    }
}
