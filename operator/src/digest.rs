//! Short hashes, to see whether two things are the same.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Enough digits that two versions of one thing never meet by chance.
pub(crate) fn hash(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).expect("JSON values can be written");
    let digest = Sha256::digest(&bytes);
    let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
    format!("{:016x}", u64::from_be_bytes(first))
}
