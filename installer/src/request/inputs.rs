//! The third part of a resolution: the inputs of the platform's resources, and the decisions to remember.

use std::sync::Arc;

use devplat_image::Store;
use devplat_profile::DevServerImage;
use devplat_render::Templates;
use devplat_tool::debian;

use super::{
    Located, Request, Run,
    choice::{self, By, PlatformPlace},
    cluster, delivery,
    draft::own_templates,
    engine::refuse_other_machine,
    forwarded, identity,
    profile::Recalled,
    registry,
};
use crate::{
    failure::Failure,
    host::Host,
    platform::{DevImage, PlatformInputs, RenderCache, programs::Search},
    state::{Decisions, RememberedFile},
};

impl Run<'_> {
    /// Resolves the request: the profile, the place that it wants, and the inputs.
    pub async fn request(mut self) -> Result<Request, Failure> {
        let programs = Search::begin(&self.host.programs);
        let (recalled, place) = Box::pin(choice::by_profile(&mut self)).await?;
        let located = Box::pin(self.locate_in(place, By::Profile)).await?;
        Box::pin(located.with_inputs(recalled, programs)).await
    }
}

impl Located<'_> {
    /// Resolves the request for a platform that was found by its marks. Its context is kept, unless the profile wants
    /// another place.
    pub async fn request(self) -> Result<Request, Failure> {
        let Self { context, decisions, known: _, looked, engine_lock, asked, host, purpose, location } = self;
        let programs = Search::begin(&host.programs);
        let (state, engine) = (context.state.clone(), context.engine.clone().map(Ok));
        let mut run = Run { asked, host, purpose, state, engine, decisions };
        let (recalled, place) = Box::pin(choice::by_profile(&mut run)).await?;
        let located = match (place, run.engine.take()) {
            (PlatformPlace::Engine, Some(Ok(_))) => {
                refuse_other_machine(host)?;
                let location = match location {
                    Some(location) => location,
                    None => identity::place(&context).await?,
                };
                // The search by marks stored outputs of resources that the profile may want otherwise.
                let context = Arc::new(Arc::unwrap_or_clone(context).without_outputs());
                let (decisions, location) = (run.decisions, Some(location));
                let known = true;
                Located { context, decisions, known, looked, engine_lock, asked, host, purpose, location }
            }
            (place, engine) => {
                drop(engine_lock);
                run.engine = engine;
                Box::pin(run.locate_in(place, By::Profile)).await?
            }
        };
        Box::pin(located.with_inputs(recalled, programs)).await
    }

    /// Adds the inputs of a profile that wants the located place.
    async fn with_inputs(self, recalled: Recalled, programs: Search) -> Result<Request, Failure> {
        let Self {
            context,
            decisions: before,
            known: _,
            looked: _,
            engine_lock,
            asked,
            host,
            purpose: _,
            location,
        } = self;
        let Recalled { name, text, folder, sets, loaded } = recalled;
        let mut context = Arc::unwrap_or_clone(context);
        let (delivery, remembered) =
            delivery::decide(&loaded.profile.cluster, &before, &mut context, host).await?;
        let dev_image = dev_image(&loaded.profile.dev_servers.image, &before, host).await?;
        let own_templates = own_templates(asked, &before, host)?;
        if asked.templates.is_none() && !own_templates.is_empty() {
            let templates: Vec<&str> = own_templates.keys().map(String::as_str).collect();
            host.ui.remark(&format!(
                "using templates of an earlier run: {}; --templates with an empty folder brings back devplat's own",
                templates.join(", ")
            ));
        }
        let programs = programs.found().await?;
        let inputs = PlatformInputs {
            platform: asked.platform(),
            config_file: cluster::config_file(&loaded.profile.cluster, &before, host)?,
            delivery,
            templates: Templates::new(&own_templates)?,
            store: Store::new(host.cache()?.join("images")),
            programs,
            state: context.state.clone(),
            ssh_block: before.ssh_config,
            forwarded_port: forwarded::port(&context.state, &before)?,
            profile: loaded.profile,
            dev_image,
            cache: RenderCache::default(),
        };
        inputs.check_templates()?;
        let decisions = Decisions {
            profile: Some(name),
            profile_text: text,
            profile_folder: folder,
            set: sets,
            variables: loaded.variables.into_iter().collect(),
            config_file: inputs.config_file.clone().map(|(path, text)| RememberedFile { path, text }),
            context: context.named.as_ref().map(|named| named.context.name.clone()),
            dev_server_image: Some(match &inputs.dev_image {
                DevImage::Debian(_) => "debian".to_owned(),
                DevImage::Reference(reference) => reference.clone(),
            }),
            place: location,
            account: Some(host.account.to_string()),
            // `up` adds the accounts that the finders meet.
            taken_over: context.taken_over.texts(),
            delivery: remembered,
            ssh_config: before.ssh_config,
            forwarded_port: Some(inputs.forwarded_port),
            templates: own_templates,
        };
        Ok(Request {
            inputs: Arc::new(inputs),
            context: Arc::new(context),
            decisions,
            _engine_lock: engine_lock,
        })
    }
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
            _ if registry::answers(reference, host).await => Ok(DevImage::Reference(reference.clone())),
            _ => debian(),
        },
    }
}
