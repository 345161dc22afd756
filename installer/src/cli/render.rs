//! `devplat render`: the manifests, without a cluster.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
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
    /// References of the images: operator, agent, dev server
    #[arg(long, value_name = "REFERENCE", num_args = 3)]
    images: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The kinds of objects
    Crds,
    /// The operator and its rights
    Operator,
    /// The sizes of dev servers
    Flavors,
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
        Some([operator, agent, dev_server]) => devplat_render::Images {
            operator: operator.clone(),
            agent: agent.clone(),
            dev_server: dev_server.clone(),
        },
        _ => stand_ins(),
    };
    let input = Input { platform: &global.name, profile: &profile, images: &images };
    let wrong = |error| template_failure(&error);
    let releases: &[ReleaseName] = match what {
        Some(What::Example) => {
            ui.say(&templates.example(input).map_err(wrong)?);
            return Ok(());
        }
        Some(What::Crds) => &[ReleaseName::Crds],
        Some(What::Operator) => &[ReleaseName::Operator],
        Some(What::Flavors) => &[ReleaseName::Flavors],
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
