//! An image in a registry that the nodes pull from, by digest. It is pushed only if the registry lacks it.

use std::{fmt, sync::Arc, time::Duration};

use devplat_image::{Digest, ImageName, Reference};
use devplat_kubernetes::hosting::Hosting;
use devplat_plan::{Action, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_tool::registry::{ImagePart, Manner, PushStep, PushTarget, RegistryError};

use super::{
    Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, local_registry,
    names::{BUILD, PUSH, REGISTRY, RegistryAddress},
};
use crate::{
    failure::{Exit, Failure},
    platform::{ChosenDelivery, PlatformInputs},
    platform_context::PlatformContext,
};

/// The size in bytes from which a push of a part is worth a line.
const LONG_PUSH: u64 = 16 << 20;

/// An image to push to a registry.
#[derive(Clone)]
pub(crate) struct Push {
    image: ImageName,
    inputs: Arc<PlatformInputs>,
}

/// The registry of all images, and the prefix of their names in it.
struct Destination {
    prefix: String,
    manner: Manner,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "registry {}", self.prefix)
    }
}

impl ResourceKind for Push {
    const NAME: super::KindWith<Self::Output> = PUSH;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|push, cx| Box::pin(push.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = None;
    /// Never: other clusters may use images in the user's registry, and those in a local registry are deleted with it.
    const DELETE: Option<super::kind::DeleteSeen<Self>> = None;
    type Fields = ();
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        match inputs.delivery {
            ChosenDelivery::Nodes(_) => Ok(Vec::new()),
            ChosenDelivery::LocalRegistry(_) | ChosenDelivery::Registry(_) => {
                let images = inputs.images().into_iter();
                Ok(images.map(|image| Self { image, inputs: Arc::clone(inputs) }).collect())
            }
        }
    }

    fn id(&self) -> Id {
        PUSH.named(self.image.as_str())
    }

    fn edges(&self) -> Edges {
        let local = match self.inputs.delivery {
            ChosenDelivery::LocalRegistry(_) => Some(REGISTRY.single()),
            ChosenDelivery::Registry(_) | ChosenDelivery::Nodes(_) => None,
        };
        let needs = [BUILD.named(self.image.as_str())].into_iter().chain(local.clone()).collect();
        Edges { needs, deleted_with: local.clone(), seen_through: local, ..Edges::default() }
    }

    fn facts(&self, _: Action) -> Facts {
        let local = matches!(self.inputs.delivery, ChosenDelivery::LocalRegistry(_));
        Facts::lasting(match self.image {
            ImageName::Operator | ImageName::Bastion | ImageName::Agent if local => Duration::from_secs(1),
            ImageName::Base if local => Duration::from_secs(2),
            ImageName::Operator | ImageName::Bastion | ImageName::Agent => Duration::from_secs(3),
            ImageName::Base => Duration::from_secs(30),
        })
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let all = wanted.of::<Self>();
        let Some(first) = all.first() else { return Ok(Vec::new()) };
        let mut stored = Vec::new();
        for push in &all {
            stored.extend(push.inputs.stored(push.image)?.map(|stored| (push, stored)));
        }
        if stored.is_empty() {
            Box::pin(first.answers(context)).await?;
            return Ok(Vec::new());
        }
        let Some(destination) = first.destination(context).await? else { return Ok(Vec::new()) };
        let destination = &destination;
        let looks = stored.into_iter().map(|(push, stored)| async move {
            let digest = &stored.manifest.digest;
            let place =
                push.place(destination, digest, context, |step| (context.remark)(&told(step))).await?;
            let there = place.holds().await?;
            let physical = || push.inputs.reference(&stored);
            Ok::<_, RegistryError>(there.then(|| Seen::ours(push.id(), physical(), (), Some(()))))
        });
        match context.awaited(|| destination.to_string(), futures::future::try_join_all(looks)).await {
            Ok(found) => Ok(found.into_iter().flatten().collect()),
            Err(error) => Err(first.with_help(error.into(), context).await),
        }
    }

    fn compare(&self, _: &Seen<Self>) -> Verdict {
        // The image was found by its digest, so it is the wanted one.
        Verdict::Same
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl Push {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let stored = self.inputs.needed(self.image)?;
        let digest = &stored.manifest.digest;
        let destination = self.destination(&cx.context).await?.ok_or_else(|| {
            Failure::new(Exit::PartWay, "the local registry is not running")
                .hint("run the same command again, which starts it")
        })?;
        cx.detail(format!("connecting to {destination}"));
        let place = self.place(&destination, digest, &cx.context, |step| tell(cx, step)).await;
        let place = match place {
            Ok(place) => place,
            Err(error) => return Err(self.with_help(error.into(), &cx.context).await),
        };
        let physical = Physical(self.inputs.reference(&stored));
        let call = format!("push image {}", self.image);
        let push = async {
            let pushed = place.push(&stored, |step| tell(cx, step)).await;
            let Err(error) = pushed else { return Ok(()) };
            match (&self.inputs.delivery, &cx.context.engine) {
                // The registry then answers 500, with the reason only as text.
                (ChosenDelivery::LocalRegistry(_), Some(engine)) => {
                    match engine.full_disk(call.clone()).await {
                        Some(full) => Err(Failure::from(full)),
                        None => Err(error.into()),
                    }
                }
                _ => Err(self.with_help(error.into(), &cx.context).await),
            }
        };
        cx.call(call.clone(), |()| Some(physical.clone()), push).await?;
        Ok(physical)
    }

    /// Fails if the user's registry does not answer or rejects the credentials, so that this is reported before the
    /// assembly of images, which takes minutes.
    async fn answers(&self, context: &PlatformContext) -> Result<(), Failure> {
        match &self.inputs.delivery {
            ChosenDelivery::Nodes(_) | ChosenDelivery::LocalRegistry(_) => Ok(()),
            ChosenDelivery::Registry(_) => match self.destination(context).await? {
                Some(destination) => {
                    let accepted = async {
                        let tell = |step: PushStep<'_>| (context.remark)(&told(step));
                        let place = self.place(&destination, &Digest::of(b""), context, tell).await?;
                        place.accepts().await
                    };
                    let accepted = Box::pin(accepted);
                    match context.awaited(|| destination.to_string(), accepted).await {
                        Ok(()) => Ok(()),
                        Err(error) => Err(self.with_help(error.into(), context).await),
                    }
                }
                None => Ok(()),
            },
        }
    }

    /// Returns the registry of all images; `None` while the local registry is not running.
    async fn destination(&self, context: &PlatformContext) -> Result<Option<Destination>, Failure> {
        match &self.inputs.delivery {
            ChosenDelivery::Nodes(_) => Ok(None),
            ChosenDelivery::Registry(registry) => {
                let manner = Manner { plain_http: registry.plain_http, ..Manner::default() };
                Ok(Some(Destination { prefix: registry.push.clone(), manner }))
            }
            ChosenDelivery::LocalRegistry(_) => {
                let known = context.outputs.single(REGISTRY);
                let address = match known {
                    Some(address) => Some(address),
                    // The finders of both kinds run concurrently.
                    None => local_registry::Registry::find(context, &Wanted::Outputs)
                        .await?
                        .pop()
                        .and_then(|seen| seen.output),
                };
                let manner = Manner { plain_http: true, ..Manner::default() };
                Ok(address.map(|RegistryAddress(address)| Destination {
                    prefix: format!("{address}/devplat"),
                    manner,
                }))
            }
        }
    }

    /// Returns the place in the registry of the image with this digest.
    async fn place(
        &self,
        destination: &Destination,
        digest: &Digest,
        context: &PlatformContext,
        tell: impl Fn(PushStep<'_>),
    ) -> Result<PushTarget, RegistryError> {
        let Destination { prefix, manner } = destination;
        let reference = Reference::in_registry(prefix, self.image, digest);
        PushTarget::of(&reference, *manner, &context.surroundings, &context.registries, tell).await
    }

    /// Adds the page of help that the cluster announces with its registry, if images are pushed to that registry.
    async fn with_help(&self, failure: Failure, context: &PlatformContext) -> Failure {
        let (ChosenDelivery::Registry(registry), Some(named)) = (&self.inputs.delivery, &context.named)
        else {
            return failure;
        };
        // The failed push is the failure to report, whether or not the announcement can be read.
        let Ok(capabilities) = Box::pin(context.capabilities(named)).await else { return failure };
        let announced = capabilities.registry_hosting.as_ref().ok().and_then(Option::as_ref);
        failure.maybe_hint(announced.and_then(|hosting| help(hosting, &registry.push)))
    }
}

/// Returns the hint on the page of help of an announced registry, if `push` is a place in that registry.
fn help(hosting: &Hosting, push: &str) -> Option<String> {
    let path = push.strip_prefix(hosting.host.as_ref()?.as_str())?;
    let page = hosting.help.as_ref()?;
    (path.is_empty() || path.starts_with('/')).then(|| format!("read about the cluster's registry: {page}"))
}

/// Reports a step of a push. Only a helper and bytes are waited for.
fn tell(cx: &Cx, step: PushStep<'_>) {
    match step {
        PushStep::AskingHelper { .. } => cx.report(told(step)),
        PushStep::Pushing { bytes, .. } if bytes >= LONG_PUSH => cx.report(told(step)),
        PushStep::Present(_) | PushStep::Pushing { .. } | PushStep::Manifest => cx.detail(told(step)),
    }
}

/// Describes a step of a push, for progress reports.
fn told(step: PushStep<'_>) -> String {
    match step {
        PushStep::AskingHelper { program } => format!("asking {program} for credentials"),
        PushStep::Present(part) => format!("{} is already in the registry", named(part)),
        PushStep::Pushing { part, bytes } => {
            format!("pushing {}, {}", named(part), indicatif::DecimalBytes(bytes))
        }
        PushStep::Manifest => "pushing the manifest".to_owned(),
    }
}

fn named(part: ImagePart) -> String {
    match part {
        ImagePart::Layer { number, of } => format!("layer {number} of {of}"),
        ImagePart::Configuration => "the configuration".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_belongs_to_the_announced_registry() {
        let page = "https://registry.example/help".to_owned();
        let hosting =
            Hosting { host: Some("localhost:5001".to_owned()), help: Some(page), ..Hosting::default() };
        let hint = "read about the cluster's registry: https://registry.example/help";
        assert_eq!(help(&hosting, "localhost:5001/devplat").as_deref(), Some(hint));
        assert_eq!(help(&hosting, "localhost:50011/devplat"), None);
        assert_eq!(help(&hosting, "registry.example/team"), None);
        assert_eq!(help(&Hosting { help: None, ..hosting }, "localhost:5001/devplat"), None);
    }
}
