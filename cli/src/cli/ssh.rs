//! `devctl ssh` and `devctl exec`: in the bastion the session is handed over to its relay, elsewhere the system's
//! `ssh` goes through it.

use clap::Args;
use devplat_api::name::ServerName;

use super::{Session, arguments::server_name, describe::explained};
use crate::{
    failure::{Ended, Exit, Failure},
    handover::{self, Relay},
    place::{Bastion, Place},
    process,
    settings::{Host, Settings},
};

pub(super) const SSH_EXAMPLES: &str = "\
Examples:
  devctl ssh mydev
  devctl ssh mydev -- 'cd project && make'
  devctl --host dev.example.com:2222 ssh mydev     from your own machine";

pub(super) const EXEC_EXAMPLES: &str = "\
Examples:
  devctl exec mydev -- ls -l '/home/dev/my project'
  devctl exec mydev -- tar -c src > src.tar";

#[derive(Debug, Args)]
pub(crate) struct Ssh {
    /// Which dev server
    #[arg(value_parser = server_name)]
    name: ServerName,
    /// Give the command a terminal; in the bastion, it has one if the session does
    #[arg(long, short)]
    tty: bool,
    /// Text for its login shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Which dev server
    #[arg(value_parser = server_name)]
    name: ServerName,
    /// A program and its arguments, which arrive as they are
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Ssh {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        // As ssh does it: words are put together for a shell to take apart.
        let command = (!self.command.is_empty()).then(|| self.command.join(" "));
        // Without a terminal for a command, as with ssh; in the bastion, as the session has one or not.
        let pty = command.is_none() || self.tty;
        enter(session, &self.name, command, pty).await
    }
}

impl Exec {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let words = self.command.iter().map(String::as_str);
        let command = shlex::try_join(words).map_err(|error| Failure::of(Exit::Usage, &error))?;
        enter(session, &self.name, Some(command), false).await
    }
}

async fn enter(
    session: &Session,
    name: &ServerName,
    command: Option<String>,
    pty: bool,
) -> Result<Ended, Failure> {
    match &session.place {
        Place::Bastion(bastion) => relayed(session, bastion, name, command).await,
        Place::Laptop(settings) => {
            let (host, user) = door(session, settings).await?;
            process::ssh(&arguments(host, &user, name, command, pty)).await
        }
    }
}

/// The bastion's host and who the user is there, from a laptop.
pub(super) async fn door<'a>(
    session: &Session,
    settings: &'a Settings,
) -> Result<(&'a Host, String), Failure> {
    let Some(host) = &settings.host else {
        return Err(Failure::new(Exit::Usage, "where is the bastion?")
            .hint("say it with --host HOST[:PORT], DEVCTL_HOST, or host: in ~/.config/devctl/config.yaml")
            .hint("it is the host behind the @ of the ssh line from your platform engineer"));
    };
    let user = match &settings.user {
        Some(user) => Some(user.as_str().to_owned()),
        None => session.place.user(&session.cluster().await?.namespace),
    };
    let unknown = || {
        Failure::new(Exit::Usage, "who are you on the platform?")
            .hint("say it with --user NAME, DEVCTL_USER, or user: in ~/.config/devctl/config.yaml")
    };
    Ok((host, user.ok_or_else(unknown)?))
}

fn arguments(host: &Host, user: &str, name: &ServerName, command: Option<String>, pty: bool) -> Vec<String> {
    let terminal = match (&command, pty) {
        // ssh sees for itself whether there is a terminal.
        (None, _) => None,
        (Some(_), true) => Some("-t".to_owned()),
        (Some(_), false) => Some("-T".to_owned()),
    };
    let mut arguments: Vec<String> = terminal.into_iter().collect();
    arguments.extend(host.arguments(&format!("{user}+{}", name.as_str())));
    if let Some(command) = command {
        // A command that begins with a dash is none of ssh's options.
        arguments.extend(["--".to_owned(), command]);
    }
    arguments
}

async fn relayed(
    session: &Session,
    bastion: &Bastion,
    name: &ServerName,
    command: Option<String>,
) -> Result<Ended, Failure> {
    let Some(control) = bastion.control else {
        let login = format!("{}+{}", bastion.user, name.as_str());
        let instead = match &bastion.host {
            Some(host) => format!("log in with `{}` instead", host.ssh(&login)),
            None => format!("log in with `ssh` as {login} instead of {}", bastion.user),
        };
        return Err(
            Failure::new(Exit::Internal, "the bastion takes no sessions over from devctl").hint(instead)
        );
    };
    let relay = Relay { server: name.as_str().to_owned(), command };
    // Meanwhile the runtime keeps the connection to the API server alive.
    let ended = tokio::task::spawn_blocking(move || handover::hand_over(control, &relay)).await;
    match ended.map_err(|error| Failure::of(Exit::Internal, &error))? {
        Ok(ended) => Ok(ended),
        Err(handover::Error::Refused(message)) => Err(refused(session, name, message).await),
        Err(error) => Err(error.into()),
    }
}

/// Not there, or not ready: the bastion's words do not tell them apart for programs.
async fn refused(session: &Session, name: &ServerName, message: String) -> Failure {
    let failure = Failure::from(handover::Error::Refused(message));
    let Ok(cluster) = session.cluster().await else { return failure };
    match cluster.server(name).await {
        Err(trouble) if !trouble.may_pass() => explained(cluster, name, trouble).await,
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_gets_user_server_and_port() {
        let host: Host = "dev.example.com:2222".parse().unwrap();
        let name = ServerName::parse("mydev").unwrap();
        assert_eq!(
            arguments(&host, "alice", &name, None, true),
            ["-p", "2222", "alice+mydev@dev.example.com"]
        );
        assert_eq!(
            arguments(&host, "alice", &name, Some("-x".into()), false),
            ["-T", "-p", "2222", "alice+mydev@dev.example.com", "--", "-x"]
        );
    }

    #[test]
    fn words_of_exec_arrive_as_they_are() {
        assert_eq!(shlex::try_join(["ls", "a b", "$HOME", "it's"]).unwrap(), "ls 'a b' '$HOME' \"it's\"");
    }
}
