//! Proposes a profile if the user names none.

use std::time::Duration;

use super::{Asked, cluster};
use crate::{
    failure::{Exit, Failure},
    host::Host,
};

/// How long a registry may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// Returns the proposed profile. An existing cluster is never used unless the user names it.
pub(super) fn propose(asked: &Asked, host: &Host) -> Result<String, Failure> {
    let Some(context) = cluster::current(host)? else {
        host.ui.remark("no profile is named and the kubeconfig names no cluster: using profile kind");
        return Ok("kind".to_owned());
    };
    let found = format!("your current context {:?} is a {}", context.name, context.provider);
    let with = |profile: &str, context: Option<&str>| {
        let (profile, context) = (Some(profile.to_owned()), context.map(str::to_owned));
        Asked { profile, context, ..asked.clone() }.again("up")
    };
    let named = format!("`{}` installs into it", with("existing", Some(&context.name)));
    let no = || Failure::new(Exit::Usage, "no profile is chosen").hint(named.clone());
    let no_terminal = || {
        let why = if asked.yes {
            format!("{found}; --yes does not choose between it and a new one")
        } else {
            format!("{found}; no profile is named")
        };
        Failure::new(Exit::Usage, why)
            .hint(format!("`{}` creates a new cluster; so does --profile k3d", with("kind", None)))
            .hint(named.clone())
    };
    let question = format!("{found}; leave it unchanged and create a new cluster with kind?");
    host.choose(&question, no, no_terminal)?;
    Ok("kind".to_owned())
}

/// Returns whether the registry of an image answers. If this machine gets no answer, its nodes get none.
pub(super) async fn registry_answers(reference: &str, host: &Host) -> bool {
    let registry = reference.split('/').next().unwrap_or_default();
    let address = if registry.contains(':') { registry.to_owned() } else { format!("{registry}:443") };
    tokio::select! {
        answered = tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(address)) => {
            matches!(answered, Ok(Ok(_)))
        }
        () = host.stop.until_asked() => false,
    }
}
