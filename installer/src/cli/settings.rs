//! Arguments, environment and files to what a verb works with.

use std::{collections::BTreeMap, ffi::OsString, path::Path, sync::Arc};

use devplat_image::Store;
use devplat_kubernetes::context;
use devplat_profile::{Cluster, DevServerImage, Loaded, Sources, load};
use devplat_render::Templates;

use super::{Global, detect};
use crate::{
    failure::{Exit, Failure},
    programs::AllPrograms,
    resource,
    state::{self, Decisions, StateFolder},
    tool::debian,
    ui::Ui,
    world::{DevImage, Ingredients, Target, World, template_failure},
};

/// Joins all layers of the profile that `name` (shipped or a file) begins.
pub(super) fn profile(global: &Global, name: &str) -> Result<Loaded, Failure> {
    let variables = variables(std::env::vars_os())?;
    let mut sources = Sources { sets: global.set.clone(), variables, ..Sources::default() };
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

/// The same, with what the last `up` was told where nothing is said now.
pub(super) fn recalled(global: &Global) -> Result<Global, Failure> {
    let mut global = global.clone();
    if global.profile.is_none() && global.set.is_empty() {
        global.set = StateFolder::of(&global.name)?.decisions().set;
    }
    Ok(global)
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
) -> Result<(Arc<Ingredients>, World, Decisions), Failure> {
    let state = StateFolder::of(&global.name)?;
    let name = profile_name(global, &state, ui)?;
    let Loaded { profile, .. } = profile(global, &name)?;
    let templates = templates(global)?;
    let store = Store::new(state::cache_folder()?.join("images"));
    let programs = AllPrograms::find()?;
    let dev_image = dev_image(&profile.dev_servers.image, &state.decisions()).await;
    let dev_server_image = Some(match &dev_image {
        DevImage::Debian(_) => "debian".to_owned(),
        DevImage::Reference(reference) => reference.clone(),
    });
    let platform = global.name.clone();
    let target = match &profile.cluster {
        Cluster::Kind(_) => Target::Kind,
        Cluster::Existing(existing) => {
            let decided = state.decisions().context;
            let named = global.context.clone().or_else(|| existing.context.clone()).or(decided);
            existing_target(named)?
        }
    };
    let context = match &target {
        Target::Kind => None,
        Target::Existing { context, .. } => Some(context.name.clone()),
    };
    let ingredients =
        Ingredients { platform, profile, templates, store, programs, state: state.clone(), dev_image };
    ingredients.check_templates()?;
    let world = World::new(global.name.clone(), state, target);
    Ok((
        Arc::new(ingredients),
        world,
        Decisions { profile: Some(name), set: global.set.clone(), context, dev_server_image },
    ))
}

/// The surroundings of a platform that stands, or is to be looked for.
pub(super) fn standing(global: &Global) -> Result<World, Failure> {
    let state = StateFolder::of(&global.name)?;
    let target = match global.context.clone().or_else(|| state.decisions().context) {
        Some(name) => existing_target(Some(name))?,
        None => Target::Kind,
    };
    Ok(World::new(global.name.clone(), state, target))
}

/// The cluster that a context names. Without a name, nothing is done to it, whatever the current context is.
pub(super) fn existing_target(name: Option<String>) -> Result<Target, Failure> {
    let kubeconfig = user_kubeconfig()?;
    let found = match name {
        Some(name) => context::find(&kubeconfig, Some(&name)).map_err(|error| resource::explain(&error))?,
        None => None,
    };
    let Some(context) = found else {
        let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        return Err(Failure::new(Exit::Usage, "no cluster is named")
            .hint(format!("name its context with --context; there are: {}", known.join(", "))));
    };
    Ok(Target::Existing { context, kubeconfig: Box::new(kubeconfig) })
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

/// The variables that may set values of the profile. What others there are is nobody's business here.
pub(super) fn variables(
    all: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, Failure> {
    all.map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, _)| name.starts_with("DEVPLAT_") && name != "DEVPLAT_LOG")
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Failure::new(Exit::Usage, format!("the value of ${name} is not UTF-8"))
                .hint(format!("set {name} to another value, or `unset {name}`"))),
        })
        .collect()
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
    context::find(&user_kubeconfig()?, global.context.as_deref()).map_err(|error| resource::explain(&error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    const NO_UTF_8: &[u8] = b"caf\xe9";

    fn variable(name: &[u8], value: &[u8]) -> (OsString, OsString) {
        (OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec()))
    }

    #[test]
    fn variables_of_others_may_be_anything() {
        let all = [
            variable(b"GREETING", NO_UTF_8),
            variable(NO_UTF_8, b"x"),
            variable(b"DEVPLAT_LOG", NO_UTF_8),
            variable(b"DEVPLAT_OPERATOR_REPLICAS", b"1"),
        ];
        let expected = vec![("DEVPLAT_OPERATOR_REPLICAS".to_owned(), "1".to_owned())];
        assert_eq!(variables(all.into_iter()), Ok(expected));
    }

    #[test]
    fn variable_of_devplats_that_is_not_utf_8_is_named() {
        let all = [variable(b"DEVPLAT_DEV_SERVERS_IMAGE", NO_UTF_8)];
        let failure = variables(all.into_iter()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.message, "the value of $DEVPLAT_DEV_SERVERS_IMAGE is not UTF-8");
        assert!(!failure.hints.is_empty());
    }
}
