//! The distribution of a cluster, guessed from names. The module `recognition` asks the cluster itself.

use std::fmt;

/// The probable distribution of a cluster, with the cluster's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DistributionGuess {
    /// kind, on a machine.
    Kind(String),
    /// k3d, on a machine.
    K3d(String),
    /// minikube, on a machine.
    Minikube(String),
    /// Amazon EKS.
    Eks {
        /// The name of the cluster.
        name: String,
        /// The region of the cluster.
        region: String,
    },
    /// Another.
    Other,
}

impl DistributionGuess {
    /// Guesses the distribution from the names of context and cluster and from the server's address.
    pub(super) fn of(context: &str, cluster: &str, server: &str) -> Self {
        if let Some(name) = cluster.strip_prefix("kind-") {
            return Self::Kind(name.to_owned());
        }
        if let Some(name) = cluster.strip_prefix("k3d-") {
            return Self::K3d(name.to_owned());
        }
        // arn:aws:eks:REGION:ACCOUNT:cluster/NAME, as `aws eks update-kubeconfig` writes it.
        let arn: Vec<&str> = cluster.split(':').collect();
        if let ["arn", _, "eks", region, _, resource] = arn.as_slice() {
            let name = resource.trim_start_matches("cluster/").to_owned();
            return Self::Eks { name, region: (*region).to_owned() };
        }
        let host = server.trim_start_matches("https://").split([':', '/']).next().unwrap_or_default();
        if let Some(rest) = host.strip_suffix(".eks.amazonaws.com") {
            let region = rest.rsplit('.').next().unwrap_or_default().to_owned();
            // eksctl: NAME.REGION.eksctl.io
            let name = cluster.split('.').next().unwrap_or(cluster).to_owned();
            return Self::Eks { name, region };
        }
        let private = ["192.168.", "127.", "10.", "172."].iter().any(|prefix| host.starts_with(prefix));
        if (cluster == "minikube" || context == "minikube") && private {
            return Self::Minikube(context.to_owned());
        }
        Self::Other
    }

    /// Returns the name of the cluster without the prefix of its distribution; `None` if that is unknown.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Kind(name) | Self::K3d(name) | Self::Minikube(name) | Self::Eks { name, region: _ } => {
                Some(name)
            }
            Self::Other => None,
        }
    }
}

impl fmt::Display for DistributionGuess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(name) => write!(f, "kind cluster {name}"),
            Self::K3d(name) => write!(f, "k3d cluster {name}"),
            Self::Minikube(name) => write!(f, "minikube cluster {name}"),
            Self::Eks { name, region } => write!(f, "EKS cluster {name} in {region}"),
            Self::Other => f.write_str("cluster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_guessed_from_names() {
        for (context, cluster, server, shown, name) in [
            ("kind-a", "kind-a", "https://127.0.0.1:34567", "kind cluster a", Some("a")),
            ("k3d-b", "k3d-b", "https://0.0.0.0:6550", "k3d cluster b", Some("b")),
            (
                "minikube",
                "minikube",
                "https://192.168.49.2:8443",
                "minikube cluster minikube",
                Some("minikube"),
            ),
            (
                "prod",
                "arn:aws:eks:eu-west-1:123456789012:cluster/prod",
                "https://ABC.gr7.eu-west-1.eks.amazonaws.com",
                "EKS cluster prod in eu-west-1",
                Some("prod"),
            ),
            (
                "me@prod.us-east-2.eksctl.io",
                "prod.us-east-2.eksctl.io",
                "https://ABC.gr7.us-east-2.eks.amazonaws.com",
                "EKS cluster prod in us-east-2",
                Some("prod"),
            ),
            ("lab", "lab", "https://10.0.0.1:6443", "cluster", None),
        ] {
            let guess = DistributionGuess::of(context, cluster, server);
            assert_eq!(guess.to_string(), shown, "{context}");
            assert_eq!(guess.name(), name, "{context}");
        }
    }
}
