//! Keys and certificates of the platform's SSH: who signs what, what it says, and whom it lets in.
//!
//! Two authorities, made once for a platform: the host authority says which server somebody reached, the session
//! authority lets the bastion into a dev server for minutes. Pure: no file, no clock, no randomness of its own.

#![warn(missing_docs)]

mod authority;
mod authorized;
mod certificate;
mod host;
mod user;

pub use authority::{HostAuthority, HostIdentity, InvalidKey, SessionAuthority, server_principal};
pub use authorized::AuthorizedKeys;
pub use certificate::{Admission, InvalidRevocation, Permissions, Refusal, Revocations, admit};
pub use host::{HostRefusal, vouch};
pub use ssh_key::{Certificate, PrivateKey, PublicKey};
pub use user::{UserKey, public_half};
