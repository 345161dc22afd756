//! Why the operator as a whole cannot go on.

use thiserror::Error;

/// Why the operator ended.
#[derive(Debug, Error)]
pub enum Error {
    /// The address for health and metrics is not to be had.
    #[error("cannot listen on {address}; give another one with --listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Serving health and metrics failed.
    #[error("serving health and metrics failed")]
    Serve(#[source] std::io::Error),
    /// No cluster is configured.
    #[error("no cluster to talk to; run in a pod, or with a KUBECONFIG")]
    Cluster(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A part ended that never should.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}
