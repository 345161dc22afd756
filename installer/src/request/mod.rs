//! A request: the input of a verb, resolved once from arguments, environment, files and remembered decisions.

mod asked;
mod cluster;
mod delivery;
mod detect;
mod engine;
mod identity;
mod minikube;
mod profile;
mod refusal;
mod standing;
mod sudo;

pub use asked::{Asked, Purpose};
pub use engine::{local_engine, lock_engine};
pub use profile::{Recalled, load_profile, recall};
pub use standing::{Standing, locate, not_found, standing};

use std::{collections::BTreeMap, path::Path, sync::Arc};

use devplat_image::Store;
use devplat_profile::{Cluster, DevServerImage, Origin};
use devplat_render::Templates;
use devplat_tool::debian;

use crate::{
    context::{PlatformContext, TakenOver},
    failure::{Exit, Failure},
    host::Host,
    platform::{DevImage, PlatformInputs, programs::AllPrograms},
    state::{Decisions, EngineLock, Location, Lock, RememberedFile, StateFolder},
};
use engine::engine_lock;

/// The input of verbs that create or compare.
pub struct Request {
    /// The input of the platform.
    pub inputs: Arc<PlatformInputs>,
    /// The context to act on.
    pub context: Arc<PlatformContext>,
    /// The decisions to remember after the apply.
    pub decisions: Decisions,
    _engine_lock: Option<EngineLock>,
}

/// Locks the platform against other runs of this account. A folder that was created only for the lock is deleted after
/// a failure.
pub fn lock(state: &StateFolder) -> Result<Locked, Failure> {
    let fresh = !state.exists();
    Ok(Locked { _lock: state.lock()?, fresh, state: state.clone() })
}

/// A lock, and whether the state folder was created for it.
pub struct Locked {
    _lock: Lock,
    fresh: bool,
    state: StateFolder,
}

impl Drop for Locked {
    fn drop(&mut self) {
        if self.fresh {
            // Deletes the folder only if it holds only the lock.
            self.state.remove_if_unused();
        }
    }
}

impl Request {
    /// Resolves the request.
    pub async fn make(asked: &Asked, host: &Host, purpose: Purpose) -> Result<Self, Failure> {
        sudo::remark(host);
        let state = asked.state(host)?;
        let mut before = state.decisions()?;
        if let Some(profile) = Box::pin(detect::profile(asked, &before, host)).await? {
            before.profile = Some(profile);
        }
        let recalled = recall(asked, &before, host, purpose)?;
        for remark in &recalled.loaded.remarks {
            host.ui.remark(remark);
        }
        let profile = recalled.loaded.profile.clone();
        one_cluster(asked, &profile.cluster)?;
        let engine = match profile.cluster.origin() {
            Origin::Created(_) => Some(local_engine(host).await?),
            Origin::Existing(_) => None,
        };
        if let (Purpose::Change, Some(engine)) = (purpose, &engine)
            && let Some(other) = engine.other_host().await?
        {
            host.ui.remark(&format!("note: {other}"));
        }
        let named = match profile.cluster.origin() {
            Origin::Created(_) => None,
            Origin::Existing(existing) => {
                let named = asked.context.clone().or_else(|| existing.context.clone());
                let kind = Some("kind".to_owned());
                let new = Asked { name: asked.name.clone(), profile: kind, ..Asked::default() }.again("up");
                Some(cluster::named(named.or_else(|| before.context.clone()), Some(&new), host)?)
            }
        };
        let mut context = PlatformContext::new(asked.parts(host, state.clone(), engine, named))
            .accepting(TakenOver::of(&before.taken_over));
        let place = identity::place(&context).await?;
        identity::check(&before, &place, &context)?;
        identity::check_account(&before, &context, purpose, host).await?;
        let engine_lock = match (purpose, &place) {
            (Purpose::Change, Location::Engine { id, .. }) => Some(engine_lock(id, &asked.name)?),
            (Purpose::Change, Location::Cluster { .. }) | (Purpose::Look, _) => None,
        };
        let (delivery, remembered) = delivery::decide(&profile.cluster, &before, &mut context, host).await?;
        let dev_image = dev_image(&profile.dev_servers.image, &before, host).await?;
        let own_templates = own_templates(asked, &before, host)?;
        if asked.templates.is_none() && !own_templates.is_empty() {
            let templates: Vec<&str> = own_templates.keys().map(String::as_str).collect();
            host.ui.remark(&format!(
                "using templates of an earlier run: {}; --templates with an empty folder brings back devplat's own",
                templates.join(", ")
            ));
        }
        let inputs = PlatformInputs {
            platform: asked.name.clone(),
            config_file: cluster::config_file(&profile.cluster, &before, host)?,
            delivery,
            templates: Templates::new(&own_templates)?,
            store: Store::new(host.cache()?.join("images")),
            programs: AllPrograms::find(&host.programs)?,
            state,
            ssh_block: before.ssh_config,
            profile,
            dev_image,
        };
        inputs.check_templates()?;
        let decisions = Decisions {
            profile: Some(recalled.name),
            profile_text: recalled.text,
            set: recalled.sets,
            variables: recalled.loaded.variables.into_iter().collect(),
            config_file: inputs.config_file.clone().map(|(path, text)| RememberedFile { path, text }),
            context: context.named.as_ref().map(|named| named.context.name.clone()),
            dev_server_image: Some(match &inputs.dev_image {
                DevImage::Debian(_) => "debian".to_owned(),
                DevImage::Reference(reference) => reference.clone(),
            }),
            place: Some(place),
            account: Some(host.account.to_string()),
            // `up` adds the accounts that the finders meet.
            taken_over: context.taken_over.texts(),
            delivery: remembered,
            ssh_config: before.ssh_config,
            templates: own_templates,
        };
        Ok(Self {
            inputs: Arc::new(inputs),
            context: Arc::new(context),
            decisions,
            _engine_lock: engine_lock,
        })
    }
}

/// Fails if the command line names an existing cluster and the profile creates one, because devplat cannot know which
/// one is meant.
fn one_cluster(asked: &Asked, cluster: &Cluster) -> Result<(), Failure> {
    match (cluster.origin(), &asked.context) {
        (Origin::Existing(_), _) | (Origin::Created(_), None) => Ok(()),
        (Origin::Created(_), Some(_)) => {
            let provider = cluster.provider();
            let why =
                format!("--context names an existing cluster, but the profile creates one with {provider}");
            Err(Failure::new(Exit::Usage, why).hint("leave --context out, or use --profile existing"))
        }
    }
}

/// Returns the user's templates by their names: those of the folder that the user names, else the remembered ones. An
/// empty folder brings back devplat's own.
pub fn own_templates(
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

/// Resolves the image `auto`, once per platform, so that a temporary failure of the registry does not change the image.
async fn dev_image(image: &DevServerImage, before: &Decisions, host: &Host) -> Result<DevImage, Failure> {
    let debian = || Ok::<_, Failure>(DevImage::Debian(debian::recipe()?));
    match image {
        DevServerImage::Debian => debian(),
        DevServerImage::Reference(reference) => Ok(DevImage::Reference(reference.clone())),
        DevServerImage::Auto(reference) => match before.dev_server_image.as_deref() {
            Some("debian") => debian(),
            Some(decided) if decided == reference => Ok(DevImage::Reference(reference.clone())),
            _ if detect::registry_answers(reference, host).await => {
                Ok(DevImage::Reference(reference.clone()))
            }
            _ => debian(),
        },
    }
}
