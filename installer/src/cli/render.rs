//! `devplat render`: prints the manifests without a cluster.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use devplat_render::{Input, ReleaseName, Templates, to_yaml};

use super::flags::{Layers, Name, OutputFormat};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform::{stand_ins, user_keys::public_line},
    request::{Asked, Draft},
};

const EXAMPLES: &str = "\
Examples:
  devplat render --profile k3d --to manifests
  devplat render operator
  devplat render example | kubectl apply -f -";

/// Print the manifests, or write them to a folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Render {
    /// Only this; all releases if missing
    what: Option<What>,
    #[command(flatten)]
    pub(super) name: Name,
    #[command(flatten)]
    layers: Layers,
    /// Folder with templates in place of devplat's own
    #[arg(long, env = "DEVPLAT_TEMPLATES", value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Write one file for each release to this folder
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// References of the images: operator, bastion, agent, dev server
    #[arg(long, value_name = "REFERENCE", num_args = 4)]
    images: Option<Vec<String>>,
    #[command(flatten)]
    pub(super) output: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The custom resource definitions
    Crds,
    /// The operator and its rights
    Operator,
    /// The bastion
    Bastion,
    /// The sizes of dev servers
    Flavors,
    /// The developers that the profile names
    Users,
    /// An example of a dev server
    Example,
}

pub(super) fn run(render: &Render, host: &Host) -> Result<(), Failure> {
    let Render { what, name, layers, templates, to, images, output: _ } = render;
    let asked = Asked {
        name: name.get(),
        profile: layers.profile.clone(),
        set: layers.set.clone(),
        templates: templates.clone(),
        ..Asked::default()
    };
    let state = asked.state(host)?;
    let Draft { profile, templates } = Draft::read(&asked, host)?;
    let images = match images.as_deref() {
        Some([operator, bastion, agent, dev_server]) => devplat_render::Images {
            operator: operator.clone(),
            bastion: bastion.clone(),
            agent: agent.clone(),
            dev_server: dev_server.clone(),
        },
        _ => stand_ins(),
    };
    let mut keys = std::collections::BTreeMap::new();
    for (user, _) in profile.users.iter().filter(|(_, user)| user.generate_key) {
        let key = public_line(&state, user.as_str(), asked.name.as_str())?;
        keys.insert(
            user.to_string(),
            key.unwrap_or_else(|| "ssh-ed25519 AAAA generated-by-devplat-up".to_owned()),
        );
    }
    let input = Input { platform: &asked.name, profile: &profile, images: &images, made_keys: &keys };
    let releases: &[ReleaseName] = match what {
        Some(What::Example) => return example(&templates, input, to.as_deref(), host),
        Some(What::Crds) => &[ReleaseName::Crds],
        Some(What::Operator) => &[ReleaseName::Operator],
        Some(What::Bastion) => &[ReleaseName::Bastion],
        Some(What::Flavors) => &[ReleaseName::Flavors],
        Some(What::Users) => &[ReleaseName::Users],
        None => &ReleaseName::ALL,
    };
    let mut all = Vec::new();
    for release in releases {
        let objects = templates.release(*release, input)?;
        match to {
            None if host.ui.is_json() => all.extend(objects),
            None => host.ui.say(&to_yaml(&objects)),
            Some(folder) => write(folder, release.as_str(), &to_yaml(&objects), host)?,
        }
    }
    if to.is_none() && host.ui.is_json() {
        host.ui.document(&serde_json::json!({"apiVersion": "v1", "kind": "List", "items": all}));
    }
    Ok(())
}

/// Prints the example, or writes it to a folder. The YAML has comments.
fn example(templates: &Templates, input: Input<'_>, to: Option<&Path>, host: &Host) -> Result<(), Failure> {
    match to {
        Some(folder) => write(folder, "example", &templates.example(input)?, host)?,
        None if host.ui.is_json() => host.ui.document(&templates.example_object(input)?),
        None => host.ui.say(&templates.example(input)?),
    }
    Ok(())
}

fn write(folder: &Path, name: &str, text: &str, host: &Host) -> Result<(), Failure> {
    let folder = host.folder.join(folder);
    let path = folder.join(format!("{name}.yaml"));
    std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text)).map_err(|error| {
        Failure::of(Exit::Missing, &error)
            .while_doing(format!("cannot write {}", path.display()))
            .hint("name a folder that you may write to")
    })?;
    host.ui.remark(&format!("wrote {}", path.display()));
    Ok(())
}
