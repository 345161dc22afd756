//! `devctl test-k8s`: whether the API server answers, and whether the user may do what devctl does.

use std::time::Instant;

use clap::Args;
use devplat_api::name::GROUP;
use futures::future::try_join_all;

use super::{Session, arguments::Output};
use crate::{
    failure::{Ended, Exit, Failure},
    view::{Access, Right},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl test-k8s
  devctl test-k8s -o json | jq .rights";

/// What devctl does, by verb, API group and resource.
const RIGHTS: [(&str, &str, &str); 11] = [
    ("list", GROUP, "devservers"),
    ("watch", GROUP, "devservers"),
    ("create", GROUP, "devservers"),
    ("patch", GROUP, "devservers"),
    ("delete", GROUP, "devservers"),
    ("list", GROUP, "devserverflavors"),
    ("list", "", "pods"),
    ("get", "", "pods/log"),
    ("list", "", "events"),
    ("list", "", "persistentvolumeclaims"),
    ("get", GROUP, "devservers"),
];

#[derive(Debug, Args)]
pub(crate) struct TestK8s {
    #[command(flatten)]
    output: Output,
}

impl TestK8s {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let begun = Instant::now();
        let version = cluster.version().await?;
        let milliseconds = begun.elapsed().as_millis();
        let rights = RIGHTS.iter().map(async |&(verb, group, resource)| {
            let granted = cluster.may(verb, group, resource).await?;
            Ok::<_, Failure>(Right { verb, resource, granted })
        });
        let access = Access {
            server: cluster.server.clone(),
            version,
            milliseconds,
            namespace: cluster.namespace.clone(),
            rights: try_join_all(rights).await?,
        };
        session.show(&access, self.output.output);
        match access.missing() {
            0 => Ok(Ended::Well),
            missing => {
                let message = format!("{missing} of {} rights are missing", RIGHTS.len());
                Err(Failure::new(Exit::Absent, message).run("info", "to see your namespace"))
            }
        }
    }
}
