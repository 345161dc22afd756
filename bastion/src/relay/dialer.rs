//! The keys for connections to agents.

use std::{fmt, sync::Arc};

use devplat_keys::{PublicKey, SessionAuthority};
use russh::client;
use tokio::sync::watch as latest;

use crate::keys::BackendAuthorities;

/// Makes connections to agents.
pub struct Dialer {
    pub(super) config: Arc<client::Config>,
    authorities: latest::Receiver<Arc<BackendAuthorities>>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("authorities", &self.authorities).finish_non_exhaustive()
    }
}

impl Dialer {
    /// Trusts agents that `host_authority` certified, and shows them what `session_authority` certifies.
    pub fn new(host_authority: PublicKey, session_authority: SessionAuthority) -> Self {
        let authorities = BackendAuthorities { host: Arc::new(host_authority), session: session_authority };
        Self::following(latest::channel(Arc::new(authorities)).1)
    }

    /// Uses the authorities that are the latest when it connects.
    pub(crate) fn following(authorities: latest::Receiver<Arc<BackendAuthorities>>) -> Self {
        Self { config: devplat_transport::client("SSH-2.0-devplat_bastion"), authorities }
    }

    /// Returns the latest authorities.
    pub(super) fn authorities(&self) -> Arc<BackendAuthorities> {
        self.authorities.borrow().clone()
    }
}
