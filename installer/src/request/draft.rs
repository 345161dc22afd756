//! The part of a request that needs no platform: the profile and the templates.

use std::{collections::BTreeMap, path::Path};

use devplat_profile::Profile;
use devplat_render::Templates;

use super::{Asked, Purpose, Run, profile::recall, refusal::DEFAULT};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::Decisions,
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
            Run::of(asked, host, Purpose::Look)?;
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
    let mut own = BTreeMap::new();
    read_templates(&folder, &folder, &mut own).map_err(|error| {
        Failure::of(Exit::Usage, &error)
            .while_doing(format!("cannot read templates in {}", folder.display()))
            .hint("name a folder with files such as operator/deployment.yaml.hbs")
    })?;
    Ok(own)
}

fn read_templates(root: &Path, folder: &Path, out: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_templates(root, &path, out)?;
        } else if path.extension().is_some_and(|extension| extension == "hbs") {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            out.insert(name, std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
