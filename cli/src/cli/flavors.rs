//! `devctl flavors`.

use clap::Args;

use super::{Session, arguments::Output};
use crate::{
    failure::{Ended, Failure},
    view,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl flavors
  devctl flavors -o wide               with what is guaranteed";

#[derive(Debug, Args)]
pub(crate) struct Flavors {
    #[command(flatten)]
    output: Output,
}

impl Flavors {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let flavors = view::Flavors::new(session.cluster().await?.flavors().await?);
        session.show(&flavors, self.output.output);
        Ok(Ended::Well)
    }
}
