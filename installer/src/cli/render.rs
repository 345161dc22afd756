//! `devplat render`: the manifests, without a cluster.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, ValueEnum};
use devplat_profile::Profile;
use devplat_render::{Input, ReleaseName, to_yaml};

use super::{Global, settings};
use crate::{
    failure::{Exit, Failure},
    state::StateFolder,
    ui::Ui,
    world::{stand_ins, template_failure},
};

/// What is rendered, and where to.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// Only this; all releases where missing
    what: Option<What>,
    /// Write one file for each release to this folder
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// References of the images: operator, bastion, agent, dev server
    #[arg(long, value_name = "REFERENCE", num_args = 4)]
    images: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The kinds of objects
    Crds,
    /// The operator and its rights
    Operator,
    /// The way in over SSH
    Bastion,
    /// The sizes of dev servers
    Flavors,
    /// The developers that the profile names
    Users,
    /// An example of a dev server
    Example,
}

pub(super) fn run(global: &Global, render: &Render, ui: &Ui) -> Result<(), Failure> {
    let Render { what, to, images } = render;
    let global = &settings::recalled(global)?;
    let state = StateFolder::of(&global.name)?;
    let name =
        global.profile.clone().or_else(|| state.decisions().profile).unwrap_or_else(|| "kind".to_owned());
    let profile = settings::profile(global, &name)?.profile;
    let templates = settings::templates(global)?;
    let images = match images.as_deref() {
        Some([operator, bastion, agent, dev_server]) => devplat_render::Images {
            operator: operator.clone(),
            bastion: bastion.clone(),
            agent: agent.clone(),
            dev_server: dev_server.clone(),
        },
        _ => stand_ins(),
    };
    let made_keys = made_keys(&profile, &state);
    let input = Input { platform: &global.name, profile: &profile, images: &images, made_keys: &made_keys };
    let wrong = |error| template_failure(&error);
    let releases: &[ReleaseName] = match what {
        Some(What::Example) => {
            ui.say(&templates.example(input).map_err(wrong)?);
            return Ok(());
        }
        Some(What::Crds) => &[ReleaseName::Crds],
        Some(What::Operator) => &[ReleaseName::Operator],
        Some(What::Bastion) => &[ReleaseName::Bastion],
        Some(What::Flavors) => &[ReleaseName::Flavors],
        Some(What::Users) => &[ReleaseName::Users],
        None => &ReleaseName::ALL,
    };
    for release in releases {
        let text = to_yaml(&templates.release(*release, input).map_err(wrong)?);
        match to {
            None => ui.say(&text),
            Some(folder) => {
                let path = folder.join(format!("{release}.yaml"));
                std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text)).map_err(
                    |error| {
                        Failure::of(Exit::Missing, &error)
                            .while_doing(format!("cannot write {}", path.display()))
                    },
                )?;
                ui.remark(&format!("wrote {}", path.display()));
            }
        }
    }
    Ok(())
}

/// Keys that were made on this machine, or words in their place.
fn made_keys(profile: &Profile, state: &StateFolder) -> BTreeMap<String, String> {
    let made = profile.users.iter().filter(|(_, user)| user.generate_key);
    made.map(|(name, _)| {
        let key = std::fs::read_to_string(state.user_key(name).with_extension("pub"));
        let key = key
            .map_or_else(|_| "ssh-ed25519 AAAA made-by-devplat-up".to_owned(), |key| key.trim().to_owned());
        (name.clone(), key)
    })
    .collect()
}
