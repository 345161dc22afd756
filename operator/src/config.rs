//! What the operator is told from outside, read once at the edge.

use std::net::SocketAddr;

use clap::Args;
use devplat_api::Amount;

/// Everything the operator has to be told.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// What new dev servers get.
    #[command(flatten)]
    pub defaults: Defaults,
    /// Name of this replica in the election.
    #[arg(long, env = "POD_NAME", default_value = "devplat-operator")]
    pub identity: String,
    /// Namespace of the operator, and of its Lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "devserver-operator-system")]
    pub namespace: String,
    /// Names that the bastion is known by outside the cluster, such as its DNS name: what its host certificate is for.
    #[arg(long, env = "DEVPLAT_BASTION_NAMES", value_delimiter = ',')]
    pub bastion_names: Vec<String>,
    /// Name of the platform. Host certificates of users' dev servers are for `SERVER.USER.PLATFORM` too.
    #[arg(long, env = "DEVPLAT_PLATFORM")]
    pub platform: Option<String>,
    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, env = "DEVPLAT_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
}

/// What dev servers get that do not say otherwise.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Defaults {
    /// Image with the agent, for the init container of every dev server.
    #[arg(long, env = "DEVPLAT_AGENT_IMAGE")]
    pub agent_image: String,
    /// Image of dev servers that name none.
    #[arg(long, env = "DEVPLAT_DEFAULT_IMAGE")]
    pub image: String,
    /// Size of homes of dev servers that name none.
    #[arg(long, env = "DEVPLAT_HOME_SIZE", default_value = "10Gi", value_parser = Amount::parse)]
    pub home_size: Amount,
    /// StorageClass of homes; the cluster's default where it is missing.
    #[arg(long, env = "DEVPLAT_STORAGE_CLASS")]
    pub storage_class: Option<String>,
    /// Pod Security level that namespaces of users are labelled with; `none` adds no label. A label that an
    /// administrator has set stays.
    #[arg(long, env = "DEVPLAT_POD_SECURITY", value_parser = ["privileged", "baseline", "none"])]
    pub pod_security: Option<String>,
}
