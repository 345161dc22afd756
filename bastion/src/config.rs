//! What the bastion is told from outside, read once at the edge.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use ipnet::IpNet;

/// Addresses that are never one person's: this machine, private networks, carriers' shared ones, link-local ones.
const SHARED: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// Everything that `serve` has to be told.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Where SSH is served
    #[arg(long, env = "BASTION_LISTEN", default_value = "[::]:2222")]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are served
    #[arg(long, env = "BASTION_HTTP_LISTEN", default_value = "[::]:8080")]
    pub http_listen: SocketAddr,
    /// Folder with `host_key`, `host_key-cert.pub` and `session_authority`
    #[arg(long, env = "BASTION_KEYS", default_value = "/run/devplat/keys", value_name = "DIR")]
    pub keys: PathBuf,
    /// Public key of the host authority
    #[arg(
        long,
        env = "BASTION_HOST_AUTHORITY",
        default_value = "/run/devplat/authorities/host_authority.pub",
        value_name = "FILE"
    )]
    pub host_authority: PathBuf,
    /// Public keys of authorities whose certificates let users in; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub user_ca: Vec<PathBuf>,
    /// Certificates of users that count no more, in the format of ssh-keygen -k
    #[arg(long, value_name = "FILE")]
    pub user_revoked: Option<PathBuf>,
    /// Socket of the runner; without it there is no devctl
    #[arg(long, env = "BASTION_RUNNER", value_name = "SOCKET")]
    pub runner: Option<PathBuf>,
    /// URL of the API server as devctl is to use it; the bastion's own where it is missing
    #[arg(long, env = "BASTION_DEVCTL_SERVER", value_name = "URL")]
    pub devctl_server: Option<String>,
    /// Certificate of the API server's authority, where the runner sees it
    #[arg(
        long,
        env = "BASTION_DEVCTL_CA_FILE",
        default_value = "/run/kubernetes/ca.crt",
        value_name = "FILE"
    )]
    pub devctl_ca_file: PathBuf,
    /// What users reach the bastion by, for devctl to tell them
    #[arg(long, env = "BASTION_HOST", value_name = "NAME[:PORT]")]
    pub host: Option<String>,
    /// Name of the platform, the last part of the names SERVER.USER.PLATFORM of dev servers
    #[arg(long, env = "BASTION_PLATFORM", value_name = "NAME")]
    pub platform: Option<String>,
    /// Connections that one user may have open
    #[arg(long, env = "BASTION_SESSIONS_PER_USER", default_value_t = 100, value_name = "N")]
    pub sessions_per_user: usize,
    /// Networks whose addresses stand for many people, and so are never made to wait
    #[arg(long, value_delimiter = ',', default_values = SHARED, value_name = "NETWORKS")]
    pub penalty_exempt: Vec<IpNet>,
    /// Seconds that open sessions get after SIGTERM
    #[arg(long, env = "BASTION_DRAIN", default_value = "3570", value_parser = seconds, value_name = "SECONDS")]
    pub drain: Duration,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn it_needs_to_be_told_nothing_in_its_own_image() {
        let config = Program::try_parse_from(["serve"]).unwrap().config;
        assert_eq!(config.penalty_exempt.len(), SHARED.len());
        assert_eq!(config.drain, Duration::from_secs(3570));
    }
}
