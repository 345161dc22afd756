//! What fits this machine when no profile is named.

use std::time::Duration;

use super::{Global, settings};
use crate::{
    failure::{Exit, Failure},
    ui::{Answer, Ui},
};

/// The profile that fits. A cluster that somebody else made is never taken without a word: it has to be named.
pub(super) fn propose(global: &Global, ui: &Ui) -> Result<String, Failure> {
    let Some(context) = settings::user_context(global)? else {
        ui.remark("no profile named and no cluster in the kubeconfig: profile kind");
        return Ok("kind".to_owned());
    };
    let found = format!("your current context {:?} is a {}", context.name, context.provider);
    let named = format!("`devplat up --profile existing --context {}` installs into it", context.name);
    match ui.confirm(&format!("{found}; leave it alone and make a new cluster with kind?")) {
        Answer::Yes => Ok("kind".to_owned()),
        Answer::No => Err(Failure::new(Exit::Usage, "no profile chosen").hint(named)),
        Answer::NobodyThere if global.yes => {
            Err(Failure::new(Exit::Usage, format!("{found}; --yes does not decide between it and a new one"))
                .hint("`devplat up --profile kind` makes a new cluster")
                .hint(named))
        }
        Answer::NobodyThere => Err(Failure::new(Exit::Usage, format!("{found}; no profile was named"))
            .hint("`devplat up --profile kind` makes a new cluster")
            .hint(named)),
    }
}

/// Whether the registry of an image answers from here: where this machine gets no answer, its nodes get none.
pub(super) async fn registry_answers(reference: &str) -> bool {
    let host = reference.split('/').next().unwrap_or_default();
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
    let connect = tokio::net::TcpStream::connect(address);
    matches!(tokio::time::timeout(Duration::from_secs(3), connect).await, Ok(Ok(_)))
}
