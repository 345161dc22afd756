//! `devctl info`: who and where, and what to type. In the bastion nobody is asked for it.

use clap::Args;

use super::{Session, arguments::Output};
use crate::{
    failure::{Ended, Failure},
    place::Place,
    view::Me,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl info
  devctl --host dev.example.com:2222 info
  devctl info -o json | jq -r .ssh.server";

#[derive(Debug, Args)]
pub(crate) struct Info {
    #[command(flatten)]
    output: Output,
}

impl Info {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let (place, known_as) = match &session.place {
            Place::Bastion(_) => ("the bastion".to_owned(), None),
            Place::Laptop(settings) => {
                let context = settings.context.as_deref().unwrap_or("of your kubeconfig");
                // What to type does not depend on the API server, which may be away.
                (format!("context {context}"), cluster.known_as().await.ok().flatten())
            }
        };
        let me = Me {
            user: session.place.user(&cluster.namespace),
            known_as,
            namespace: cluster.namespace.clone(),
            place,
            server: cluster.server.clone(),
            host: session.place.host().cloned(),
            platform: session.place.platform().map(str::to_owned),
        };
        session.show(&me, self.output.output);
        Ok(Ended::Well)
    }
}
