//! `devplat ssh-config`: one managed block in `~/.ssh/config`, so that plain `ssh`, scp and editors find the platform.

use std::{path::Path, sync::Arc};

use clap::Args;

use super::{
    confirm::confirm,
    flags::{AnswerFlags, NameFlag, OutputArgs},
};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::PlatformContext,
    request::{self, Asked, Purpose, Run},
    resource::ssh_block,
};

const EXAMPLES: &str = "\
Examples:
  devplat ssh-config                        asks, then: ssh demo@devplat, ssh demo+mydev@devplat
  devplat ssh-config --yes --name team-a    then: ssh demo@team-a, ssh mydev.demo.team-a
  devplat ssh-config --remove

The name of the platform is the ssh host: `ssh USER@PLATFORM` reaches the bastion, and
`ssh USER+SERVER@PLATFORM` or `ssh SERVER.USER.PLATFORM` a dev server. USER may be left out if the
profile generates the key of one user. The block is the beginning of ~/.ssh/config and includes a
file that `devplat up` keeps current; before it is written, devplat asks. --remove and `devplat
destroy` remove the block, and the file if devplat created it and no other line is in it.";

/// Add the platform to ~/.ssh/config, so that plain `ssh` finds it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SshConfigArgs {
    #[command(flatten)]
    pub(super) name: NameFlag,
    /// Remove the block again, without a question
    #[arg(long, conflicts_with = "yes")]
    remove: bool,
    #[command(flatten)]
    answers: AnswerFlags,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

pub(super) async fn run(args: &SshConfigArgs, host: &Host) -> Result<(), Failure> {
    let asked = Asked { name: args.name.get(), yes: args.answers.yes, ..Asked::default() };
    let state = asked.state(host)?;
    let unknown = || {
        Failure::new(Exit::Usage, format!("no platform {} is known here", asked.platform()))
            .hint(format!("`{}` creates one; --name names another", asked.again("up")))
    };
    if !state.exists() {
        return Err(unknown());
    }
    let _locked = request::lock(&state)?;
    let run = Run::begin(&asked, host, Purpose::Look)?;
    if run.decisions.profile.is_none() {
        return Err(unknown());
    }
    // The other decisions stay as the last `up` made them.
    let mut decisions = run.decisions.clone();
    let file = ssh_block::user_file(&host.surroundings)?;
    if args.remove {
        let removed = ssh_block::remove_alone(&offline(&asked, host)?, &host.ui).await?;
        decisions.ssh_config = false;
        state.remember(&decisions)?;
        let (is, text) = removal(removed, asked.platform().as_str(), &file);
        host.ui.outcome(&text, &serde_json::json!({"is": is, "file": file.display().to_string()}));
        return Ok(());
    }
    // Before the question, because the answer would have no effect.
    ssh_block::check(&host.surroundings, asked.platform().as_str(), &state)?;
    let question = format!("add a block for platform {} to {}?", asked.platform(), file.display());
    confirm(&question, "nothing was changed", asked.yes, host)?;
    let request = run.request().await?;
    crate::resource::reach_cluster(&request.context).await?;
    ssh_block::add_alone(&request.inputs, &request.context, &host.ui).await?;
    // After the block exists, so that no later `up` adds one that this run could not add.
    decisions.ssh_config = true;
    decisions.forwarded_port = request.decisions.forwarded_port;
    state.remember(&decisions)?;
    host.ui.remark(&format!(
        "{} has the ssh hosts of platform {platform}: {platform} is the bastion, SERVER.USER.{platform} is a dev server",
        file.display(),
        platform = asked.platform()
    ));
    host.ui.remark(&format!("`{}` removes them", request.context.command("ssh-config --remove")));
    let example = ssh_block::example(&request.inputs);
    let file = file.display().to_string();
    host.ui.outcome(
        &example,
        &serde_json::json!({"is": "added", "file": file, "commands": example.lines().collect::<Vec<_>>()}),
    );
    Ok(())
}

/// Returns the outcome of a removal, for programs and for people.
fn removal(removed: bool, platform: &str, file: &Path) -> (&'static str, String) {
    let file = file.display();
    if removed {
        ("removed", format!("removed the block of platform {platform} from {file}"))
    } else {
        ("unchanged", format!("{file} has no block of platform {platform}"))
    }
}

/// Returns the context without an engine and a cluster, which the removal does not need.
fn offline(asked: &Asked, host: &Host) -> Result<Arc<PlatformContext>, Failure> {
    Ok(Arc::new(asked.platform_context(host, asked.state(host)?, None, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_without_a_block_does_not_report_one() {
        let of = |removed| removal(removed, "devplat", Path::new("/home/ada/.ssh/config"));
        assert_eq!(
            of(false),
            ("unchanged", "/home/ada/.ssh/config has no block of platform devplat".to_owned())
        );
        assert_eq!(of(true).0, "removed");
    }
}
