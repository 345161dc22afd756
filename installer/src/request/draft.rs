//! The part of a request that needs no platform: the profile and the templates.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use devplat_profile::Profile;
use devplat_render::Templates;

use super::{
    Asked, Purpose, Run,
    profile::recall,
    refusal::{DEFAULT, LONGEST},
};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::Decisions,
    text_file::NoText,
};

/// The input of manifests without a cluster.
pub struct Draft {
    /// The given or remembered profile, else the default one.
    pub profile: Profile,
    /// devplat's templates with the user's in their place.
    pub templates: Templates,
}

impl Draft {
    /// Reads the profile and the templates. There is no cluster, so `auto` is not resolved.
    pub fn read(asked: &Asked, host: &Host) -> Result<Self, Failure> {
        let Run { asked, host, purpose, state: _, engine: _, mut decisions } =
            Run::of(asked, host, Purpose::Plan)?;
        decisions.profile.get_or_insert_with(|| DEFAULT.to_owned());
        let profile = recall(asked, &decisions, host, purpose)?.loaded.profile;
        let templates = Templates::new(&own_templates(asked, &decisions, host)?)?;
        Ok(Self { profile, templates })
    }
}

/// Returns the user's templates by their names: those of the folder that the user names, else the remembered ones. An
/// empty folder brings back devplat's own.
pub(super) fn own_templates(
    asked: &Asked,
    before: &Decisions,
    host: &Host,
) -> Result<BTreeMap<String, String>, Failure> {
    let Some(folder) = &asked.templates else { return Ok(before.templates.clone()) };
    let folder = host.folder.join(folder);
    let unreadable = |what: String, error: &NoText| {
        Failure::of(Exit::Usage, error)
            .while_doing(format!("cannot read {what}"))
            .maybe_hint(error.hint())
            .hint("name a folder with files such as operator/deployment.yaml.hbs")
    };
    let mut files = Vec::new();
    find_templates(&folder, &mut files)
        .map_err(|error| unreadable(format!("templates in {}", folder.display()), &error.into()))?;
    let mut own = BTreeMap::new();
    for path in files {
        let text = host.text_of(&path, LONGEST)?;
        let text = text.map_err(|error| unreadable(format!("template {}", path.display()), &error))?;
        let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        own.insert(name, text);
    }
    Ok(own)
}

fn find_templates(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_templates(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "hbs") {
            found.push(path);
        }
    }
    Ok(())
}
