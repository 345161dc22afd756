//! The keys of users and authorities, each made from a seed.

use devplat_keys::{HostAuthority, PrivateKey, SessionAuthority};
use russh::keys::ssh_key::private::Ed25519Keypair;

pub(crate) const ALICE: u8 = 11;
pub(crate) const BOB: u8 = 12;
/// A key that no user has registered.
pub(crate) const EVE: u8 = 13;

pub(crate) fn host_authority() -> HostAuthority {
    HostAuthority::from_seed([1; 32])
}

pub(crate) fn session_authority() -> SessionAuthority {
    SessionAuthority::from_seed([2; 32])
}

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}
