//! `devplat man`: manual pages, generated from the same descriptions as the help.

use std::path::PathBuf;

use clap::{Args, Command};

use crate::{
    failure::{Exit, Failure},
    host::Host,
};

const EXAMPLES: &str = "\
Examples:
  devplat man | man -l -
  devplat man ~/.local/share/man/man1     then: man devplat-up";

/// Print the manual page, or write the pages of all verbs to a folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Man {
    /// Folder to write a page for each verb to
    folder: Option<PathBuf>,
}

pub(super) fn run(man: &Man, command: Command, host: &Host) -> Result<(), Failure> {
    let Some(folder) = &man.folder else {
        let mut text = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut text)
            .map_err(|error| Failure::of(Exit::Internal, &error))?;
        host.ui.say(&String::from_utf8_lossy(&text));
        return Ok(());
    };
    let folder = host.folder.join(folder);
    std::fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(command, &folder)).map_err(
        |error| {
            Failure::of(Exit::Missing, &error)
                .while_doing(format!("cannot write manual pages to {}", folder.display()))
                .hint("name a folder that you may write to")
        },
    )?;
    host.ui.remark(&format!("wrote manual pages to {}", folder.display()));
    Ok(())
}
