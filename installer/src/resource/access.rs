//! What plain `ssh` needs on this machine to reach the platform: a configuration and a `known_hosts`, in devplat's own
//! folder. The user's `~/.ssh` is never touched.

use std::{fmt::Write as _, path::PathBuf, sync::Arc, time::Duration};

use devplat_kubernetes::door::{self, Door};
use devplat_profile::Exposure;
use devplat_render::ReleaseName;

use super::{Progress, ResourceId, keys::write_whole};
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    tool::docker,
    world::{Ingredients, Target, World},
};

pub(super) const USUAL: Duration = Duration::from_secs(1);

/// Where `devplat port-forward` listens where nobody says otherwise.
pub const FORWARDED_PORT: u16 = 2222;

/// How long a cloud may take to give a load balancer its address.
const PATIENCE: Duration = Duration::from_mins(5);

/// The files that plain `ssh` takes.
#[derive(Clone)]
pub struct Access {
    pub(super) ingredients: Arc<Ingredients>,
}

impl Access {
    #[expect(clippy::unused_self, reason = "like every other resource")]
    pub(super) fn needs(&self) -> Vec<ResourceId> {
        vec![ResourceId::Release(ReleaseName::Bastion)]
    }

    pub(super) async fn observe(&self, world: &World) -> Result<Verdict, Failure> {
        let Some(files) = self.files(world).await? else { return Ok(Verdict::Absent) };
        let found: Vec<bool> = files
            .iter()
            .map(|(path, text)| std::fs::read_to_string(path).is_ok_and(|found| found == *text))
            .collect();
        Ok(if found.iter().all(|same| *same) {
            Verdict::Same
        } else if files.iter().any(|(path, _)| path.exists()) {
            Verdict::Differs(vec!["the way to the bastion has changed".to_owned()])
        } else {
            Verdict::Absent
        })
    }

    pub(super) async fn create(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        let begun = std::time::Instant::now();
        let files = loop {
            if let Some(files) = self.files(world).await? {
                break files;
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure::new(Exit::PartWay, "the bastion has no address")
                    .hint("`kubectl -n devserver-bastion describe service bastion` may say why; the same command waits again"));
            }
            progress.tell("waiting for Service devserver-bastion/bastion: no address yet");
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        world.state.make_ssh()?;
        for (path, text) in files {
            write_whole(&path, &text).map_err(|error| {
                Failure::of(Exit::Missing, &error)
                    .while_doing(format!("cannot write {}", path.display()))
                    .hint("name another folder in DEVPLAT_STATE_DIR")
            })?;
        }
        Ok(())
    }

    /// The files with what is to be in them; nothing while the bastion has no address or no identity.
    async fn files(&self, world: &World) -> Result<Option<Vec<(PathBuf, String)>>, Failure> {
        let client = world.client().await?;
        let authority = door::host_authority(&client).await.map_err(|error| call_failed(&error))?;
        let (Some(authority), Some(door)) = (authority, door_of(&self.ingredients, world).await?) else {
            return Ok(None);
        };
        let authority = authority.to_openssh().map_err(|error| Failure::of(Exit::Internal, &error))?;
        let known = format!("@cert-authority * {authority}\n");
        let config = self.config(world, &door);
        Ok(Some(vec![(world.state.ssh_config(), config), (world.state.known_hosts(), known)]))
    }

    fn config(&self, world: &World, door: &Door) -> String {
        let (host, port) = match door {
            Door::Address { host, port } => (host.as_str(), *port),
            Door::PortForward => ("127.0.0.1", FORWARDED_PORT),
        };
        let platform = &world.platform;
        let mut text = String::from("# Made by devplat, and made anew by `devplat up`.\n");
        let _ = write!(
            text,
            "Host {platform}\n  HostName {host}\n  Port {port}\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n",
            quoted(&world.state.known_hosts())
        );
        for name in self.ingredients.users_with_made_keys() {
            let key = quoted(&world.state.user_key(name));
            // Of `ssh demo@…` and of `ssh demo+mydev@…`.
            let _ = write!(
                text,
                "Match originalhost {platform} user {name},{name}+*\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
            );
        }
        text
    }
}

/// How the bastion is reached from this machine; nothing while its load balancer has no address.
pub(super) async fn door_of(ingredients: &Ingredients, world: &World) -> Result<Option<Door>, Failure> {
    match (&world.target, ingredients.profile.bastion.exposure) {
        (Target::Kind, Exposure::NodePort(port)) => {
            let nodes = docker::nodes(world.platform.as_str()).await?;
            let mapped = nodes.first().and_then(|node| node.mapped(port));
            Ok(mapped.map(|(host, port)| Door::Address { host: host.to_owned(), port }))
        }
        (Target::Existing { .. }, Exposure::NodePort(port)) => {
            let host = ingredients.profile.bastion.host_names.first().cloned();
            // Which address of which node this machine reaches, nobody here can know.
            Ok(Some(host.map_or(Door::PortForward, |host| Door::Address { host, port })))
        }
        (_, Exposure::LoadBalancer) => {
            let client = world.client().await?;
            let host = door::load_balancer(&client).await.map_err(|error| call_failed(&error))?;
            Ok(host.map(|host| Door::Address { host, port: 22 }))
        }
        (_, Exposure::PortForward) => Ok(Some(Door::PortForward)),
    }
}

/// The line that signs in, as a user whose key is here, if there is one; nothing where the profile names no user.
pub fn ssh_line(ingredients: &Ingredients, world: &World) -> Option<String> {
    let named = || ingredients.profile.users.keys().next().map(String::as_str);
    let user = ingredients.users_with_made_keys().next().or_else(named)?;
    Some(format!("ssh -F {} {user}@{}", quoted(&world.state.ssh_config()), world.platform))
}

/// As `ssh` and a shell take a path.
fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        text
    } else {
        format!("\"{text}\"")
    }
}

fn call_failed(error: &devplat_kubernetes::Error) -> Failure {
    Failure::of(Exit::PartWay, error).hint("does the cluster answer? `devplat status` tells")
}
