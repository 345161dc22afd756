//! Arguments, environment and files to what a verb works with.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use devplat_image::Store;
use devplat_kubernetes::context;
use devplat_profile::{DevServerImage, Loaded, Sources, load};
use devplat_render::Templates;

use super::{Global, detect};
use crate::{
    failure::{Exit, Failure},
    programs::Programs,
    state::{self, Decisions, StateFolder},
    tool::debian,
    ui::Ui,
    world::{DevImage, Ingredients, template_failure},
};

/// Joins all layers of the profile that `name` (shipped or a file) begins.
pub(super) fn profile(global: &Global, name: &str) -> Result<Loaded, Failure> {
    let mut sources = Sources { sets: global.set.clone(), variables: variables(), ..Sources::default() };
    if name.contains('/') || Path::new(name).extension().is_some() {
        let text = std::fs::read_to_string(name).map_err(|error| {
            Failure::of(Exit::Usage, &error)
                .while_doing(format!("cannot read profile {name}"))
                .hint("`devplat profiles list` names the profiles that devplat brings along")
        })?;
        sources.file = Some((name.to_owned(), text));
    } else {
        sources.shipped = Some(name.to_owned());
    }
    load(&sources).map_err(|mistakes| {
        Failure::of(Exit::Usage, &mistakes).hint("`devplat profiles schema` describes every key")
    })
}

/// The name of the profile: as given, as it was before, or as fits this machine.
pub(super) fn profile_name(global: &Global, state: &StateFolder, ui: &Ui) -> Result<String, Failure> {
    if let Some(name) = global.profile.clone().or_else(|| state.decisions().profile) {
        return Ok(name);
    }
    if global.context.is_some() {
        return Ok("existing".to_owned());
    }
    detect::propose(global, ui)
}

/// All that a verb needs which makes or compares.
pub(super) async fn ingredients(
    global: &Global,
    ui: &Ui,
) -> Result<(Arc<Ingredients>, StateFolder, Decisions), Failure> {
    let state = StateFolder::of(&global.name)?;
    let name = profile_name(global, &state, ui)?;
    let Loaded { profile, .. } = profile(global, &name)?;
    let templates = templates(global)?;
    let store = Store::new(state::cache_folder()?.join("images"));
    let programs = Programs::find()?;
    let dev_image = dev_image(&profile.dev_servers.image, &state.decisions()).await;
    let dev_server_image = Some(match &dev_image {
        DevImage::Debian(_) => "debian".to_owned(),
        DevImage::Reference(reference) => reference.clone(),
    });
    let platform = global.name.clone();
    let ingredients = Ingredients { platform, profile, templates, store, programs, dev_image };
    ingredients.check_templates()?;
    Ok((Arc::new(ingredients), state, Decisions { profile: Some(name), dev_server_image }))
}

/// The templates, with those of the user's folder in the place of devplat's own.
pub(super) fn templates(global: &Global) -> Result<Templates, Failure> {
    let mut overrides = BTreeMap::new();
    if let Some(folder) = &global.templates {
        read_templates(folder, folder, &mut overrides).map_err(|error| {
            Failure::of(Exit::Usage, &error)
                .while_doing(format!("cannot read templates in {}", folder.display()))
        })?;
    }
    Templates::new(&overrides).map_err(|error| template_failure(&error))
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

/// The variables that may set values of the profile.
fn variables() -> Vec<(String, String)> {
    std::env::vars().filter(|(name, _)| name.starts_with("DEVPLAT_") && name != "DEVPLAT_LOG").collect()
}

/// What `auto` comes to is decided once for a platform: a registry that is away for a moment changes nothing.
async fn dev_image(image: &DevServerImage, decided: &Decisions) -> DevImage {
    match image {
        DevServerImage::Debian => DevImage::Debian(debian::recipe()),
        DevServerImage::Reference(reference) => DevImage::Reference(reference.clone()),
        DevServerImage::Auto(reference) => match decided.dev_server_image.as_deref() {
            Some("debian") => DevImage::Debian(debian::recipe()),
            Some(decided) if decided == reference => DevImage::Reference(reference.clone()),
            _ if detect::registry_answers(reference).await => DevImage::Reference(reference.clone()),
            _ => DevImage::Debian(debian::recipe()),
        },
    }
}

/// The user's kubeconfig, as kubectl finds it; an empty one where there is none.
pub(super) fn user_kubeconfig() -> Result<kube::config::Kubeconfig, Failure> {
    let there = std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty())
        || std::env::var_os("HOME").is_some_and(|home| Path::new(&home).join(".kube/config").exists());
    if !there {
        return Ok(kube::config::Kubeconfig::default());
    }
    kube::config::Kubeconfig::read()
        .map_err(|error| Failure::of(Exit::Usage, &error).while_doing("cannot read your kubeconfig"))
}

/// The context that the user named, or the current one.
pub(super) fn user_context(global: &Global) -> Result<Option<context::Context>, Failure> {
    context::find(&user_kubeconfig()?, global.context.as_deref())
        .map_err(|error| Failure::of(Exit::Usage, &error).hint(error.hint()))
}
