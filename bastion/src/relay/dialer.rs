//! The keys for connections to agents.

use std::{fmt, sync::Arc};

use devplat_keys::{PublicKey, SessionAuthority};
use russh::client;

/// Makes connections to agents.
pub struct Dialer {
    pub(super) config: Arc<client::Config>,
    pub(super) host_authority: Arc<PublicKey>,
    pub(super) session_authority: SessionAuthority,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("session_authority", &self.session_authority).finish_non_exhaustive()
    }
}

impl Dialer {
    /// Trusts agents that `host_authority` certified, and shows them what `session_authority` certifies.
    pub fn new(host_authority: PublicKey, session_authority: SessionAuthority) -> Self {
        let config = devplat_transport::client("SSH-2.0-devplat_bastion");
        Self { config, host_authority: Arc::new(host_authority), session_authority }
    }
}
