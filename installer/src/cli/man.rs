//! `devplat man`: manual pages, generated from the same descriptions as the help.

mod page;

use std::{fs, io, path::Path};

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
    folder: Option<std::path::PathBuf>,
}

pub(super) fn run(man: &Man, command: Command, host: &Host) -> Result<(), Failure> {
    let Some(folder) = &man.folder else {
        let (_, text) = page::of(command).map_err(|error| Failure::of(Exit::Internal, &error))?;
        host.ui.say(&String::from_utf8_lossy(&text));
        return Ok(());
    };
    let folder = host.folder.join(folder);
    fs::create_dir_all(&folder).and_then(|()| write_all(command, &folder)).map_err(|error| {
        Failure::of(Exit::Missing, &error)
            .while_doing(format!("cannot write manual pages to {}", folder.display()))
            .hint("name a folder that you may write to")
    })?;
    host.ui.remark(&format!("wrote manual pages to {}", folder.display()));
    Ok(())
}

/// Writes the pages of a command and of all its verbs.
fn write_all(command: Command, folder: &Path) -> io::Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    write(&command, folder)
}

fn write(command: &Command, folder: &Path) -> io::Result<()> {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        write(verb, folder)?;
    }
    let (name, text) = page::of(command.clone())?;
    fs::write(folder.join(name), text)
}
