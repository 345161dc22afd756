//! A release: objects in the cluster that are applied together.

use std::{sync::Arc, time::Duration};

use devplat_api::{Slug, name};
use devplat_kubernetes::{
    admission::{self, PodTrial},
    proof,
    release::{self, DataLoss, State},
};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Owner, Physical, State as Condition, Verdict};
use devplat_profile::PodSecurity;
use devplat_render::ReleaseName;
use kube::{Client, ResourceExt, api::DynamicObject};

use super::{
    CLUSTER, Cx, Kind, Seen, SeenThrough, Traits, Wanted, edges,
    names::{BUILD, KEYS, PROOF, PROOF_SERVER, RELEASE, USER_DATA, release_id},
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    world::World,
};

/// How long a release may take to be ready, with pulls of images and starts of programs on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);
/// How long deleted objects may take to be gone.
const GONE_PATIENCE: Duration = Duration::from_mins(5);

/// A release.
#[derive(Clone)]
pub(crate) struct Release {
    name: ReleaseName,
    inputs: Arc<PlatformInputs>,
}

/// The known facts of a release in the cluster.
#[derive(Debug, Clone)]
pub(crate) enum Fields {
    /// Compared with the wanted objects.
    Compared(Box<State>),
    /// Found, but not compared, because images or keys of the wanted objects do not exist yet.
    NotRendered,
    /// Found in a run without wanted releases, and not compared.
    Leftover,
}

impl Kind for Release {
    const NAME: KindName = RELEASE;
    const GONE_FIRST: &'static [KindName] = &[USER_DATA, PROOF_SERVER, PROOF];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { in_passing: false, droppable: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|release, cx| Box::pin(release.apply(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|release, cx| Box::pin(release.apply(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(ReleaseName::ALL.map(|name| Self { name, inputs: Arc::clone(inputs) }).into())
    }

    fn id(&self) -> Id {
        release_id(self.name)
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        let mut needs = vec![cluster.clone()];
        needs.extend(self.name.needs().iter().map(|release| release_id(*release)));
        match self.name {
            ReleaseName::Operator => {
                let images = self.inputs.images().into_iter();
                needs.extend(images.map(|image| BUILD.named(image.as_str())));
                // Without the image in the nodes, the kubelet would try to pull it, fail, and back off.
                needs.push(edges::delivered(&self.inputs, devplat_image::ImageName::Operator));
                needs.extend(edges::pulled_through(&self.inputs));
            }
            ReleaseName::Bastion => {
                needs.push(edges::delivered(&self.inputs, devplat_image::ImageName::Bastion));
            }
            ReleaseName::Users => needs.push(KEYS.single()),
            ReleaseName::Crds | ReleaseName::Flavors => {}
        }
        Edges { needs, dies_with: edges::dies_with(&self.inputs), seen_through: Some(cluster), ..Edges::default() }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(match self.name {
            ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Users => Duration::from_secs(2),
            ReleaseName::Operator | ReleaseName::Bastion => Duration::from_secs(6),
        })
    }

    async fn find(world: &World, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let client = world.client().await?;
        let wanted = wanted.of::<Self>();
        let recorded = release::names(&client, world.platform.as_str(), world).await?;
        let looks = wanted.iter().map(|release| async {
            let Some(rendered) = release.inputs.release(release.name)? else {
                let there = recorded.iter().any(|name| name == release.name.as_str());
                return Ok::<_, Failure>(there.then_some(Fields::NotRendered));
            };
            let state = release::observe(&client, &rendered, world).await?;
            Ok((state != State::Absent).then(|| Fields::Compared(Box::new(state))))
        });
        let looked = futures::future::try_join_all(looks).await?;
        let mut all: Vec<Seen<Self>> = wanted
            .iter()
            .zip(looked)
            .filter_map(|(release, fields)| Some(seen(release.name.as_str(), fields?, world)))
            .collect();
        let others = recorded.iter().filter(|name| wanted.iter().all(|one| one.name.as_str() != *name));
        all.extend(others.map(|name| seen(name, Fields::Leftover, world)));
        Ok(all)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let state = match &seen.fields {
            Fields::Compared(state) => state,
            Fields::NotRendered => {
                return Verdict::Differs(vec![Change::in_place("its images or keys are created first")]);
            }
            Fields::Leftover => return Verdict::Unknown("not compared".to_owned()),
        };
        match &**state {
            State::Absent | State::Foreign(_) => Verdict::Unknown("not compared".to_owned()),
            State::Present { missing, drifted, surplus, unknown, recorded, not_ready } => {
                let mut changes: Vec<Change> =
                    missing.iter().map(|object| Change::in_place(format!("{object} is missing"))).collect();
                changes.extend(drifted.iter().map(|drift| {
                    Change::in_place(format!("{} differs in {}", drift.object, drift.fields.join(", ")))
                }));
                changes.extend(
                    surplus.iter().map(|object| Change::in_place(format!("{object} is no longer wanted"))),
                );
                if !recorded && changes.is_empty() && unknown.is_empty() {
                    changes.push(Change::in_place("it was not applied completely"));
                }
                changes.extend(not_ready.iter().map(|waiting| Change::in_place(waiting.to_string())));
                match (changes.is_empty(), unknown.first()) {
                    (true, None) => Verdict::Same,
                    (true, Some((object, why))) => {
                        Verdict::Unknown(format!("{object} {why}"))
                    }
                    (false, _) => Verdict::Differs(changes),
                }
            }
        }
    }

    async fn settle(&self, cx: &Cx) -> Result<(), Failure> {
        let client = cx.world.client().await?;
        Ok(release::wait_ready(&client, &self.rendered()?, PATIENCE, cx).await?)
    }
}

impl Release {
    async fn apply(&self, cx: &Cx) -> Result<Physical, Failure> {
        let client = cx.world.client().await?;
        let rendered = self.rendered()?;
        let physical = Physical(format!("devplat-release-{}", self.name));
        self.try_pods(&client, &rendered, cx).await?;
        release::apply(&client, &rendered, cx).await?;
        Ok(physical)
    }

    /// Fails before the first object is applied if the cluster would reject the release's pods. The first release also
    /// tries the pod of a dev server: with the default flavor, in a namespace with the labels that the operator sets.
    async fn try_pods(&self, client: &Client, rendered: &release::Release, cx: &Cx) -> Result<(), Failure> {
        let labels = |namespace: &str| {
            let is_it = |object: &&DynamicObject| {
                object.types.as_ref().is_some_and(|types| types.kind == "Namespace") && object.name_any() == namespace
            };
            rendered.objects.iter().find(is_it).map(|object| object.labels().clone()).unwrap_or_default()
        };
        let of = |object: &DynamicObject| PodTrial::of(object, labels(&object.namespace()?));
        let mut trials: Vec<PodTrial> = rendered.objects.iter().filter_map(of).collect();
        if self.name == ReleaseName::Crds {
            trials.extend(self.dev_server()?);
        }
        let Some(refusal) = admission::try_pods(client, &trials, cx).await?.into_iter().next() else { return Ok(()) };
        let hints = refusal.hints();
        Err(Failure::of(Exit::Missing, &refusal).while_doing("the cluster rejects devplat's pods").with_hints(hints))
    }

    fn dev_server(&self) -> Result<Option<PodTrial>, Failure> {
        let servers = &self.inputs.profile.dev_servers;
        let Some(flavor) = self.inputs.profile.flavors.get(&servers.default_flavor) else { return Ok(None) };
        let resources = serde_json::to_value(&flavor.resources).and_then(serde_json::from_value);
        let resources = resources.map_err(|error| Failure::of(Exit::Internal, &error))?;
        let level = match servers.pod_security {
            PodSecurity::Privileged => Some("privileged"),
            PodSecurity::Baseline => Some("baseline"),
            PodSecurity::Unlabelled => None,
        };
        let labels = level.map(|level| (name::POD_SECURITY_LABEL.to_owned(), level.to_owned())).into_iter().collect();
        let namespace = Slug::of(proof::NAME).namespace();
        Ok(Some(PodTrial::dev_server(&namespace, labels, resources)))
    }

    fn rendered(&self) -> Result<release::Release, Failure> {
        self.inputs.release(self.name)?.ok_or_else(|| {
            Failure::new(Exit::PartWay, format!("images or keys of release {} no longer exist", self.name))
                .hint("run the same command again, which creates them again")
        })
    }
}

fn seen(name: &str, fields: Fields, world: &World) -> Seen<Release> {
    let faults: Vec<String> = match &fields {
        Fields::Compared(state) => match &**state {
            State::Present { not_ready, .. } => not_ready.iter().map(ToString::to_string).collect(),
            State::Absent | State::Foreign(_) => Vec::new(),
        },
        Fields::NotRendered | Fields::Leftover => Vec::new(),
    };
    let owner = match &fields {
        Fields::Compared(state) => match &**state {
            State::Foreign(objects) => {
                let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
                Owner::stranger(format!("its name is taken by {}", names.join(", ")))
            }
            State::Absent | State::Present { .. } => Owner::Ours,
        },
        Fields::NotRendered | Fields::Leftover => Owner::Ours,
    };
    let known = ReleaseName::ALL.into_iter().find(|known| known.as_str() == name);
    // A release is deleted after the releases that need it; releases that this version does not know are deleted first.
    let needing = ReleaseName::ALL.into_iter().filter(|other| known.is_some_and(|known| rests_on(*other, known)));
    let deletion = Facts::lasting(Duration::from_secs(4));
    let seen = Seen::ours(RELEASE.named(name), format!("devplat-release-{name}"), fields, Some(()));
    let state = if faults.is_empty() { Condition::Ready } else { Condition::Degraded(faults) };
    Seen {
        owner,
        state,
        dies_with: edges::dies_with_of(world),
        gone_first: needing.map(release_id).collect(),
        deletion,
        ..seen
    }
}

/// Returns whether `release` needs `base`, directly or through another one.
fn rests_on(release: ReleaseName, base: ReleaseName) -> bool {
    release.needs().iter().any(|need| *need == base || rests_on(*need, base))
}

async fn delete(seen: &Seen<Release>, cx: &Cx) -> Result<(), Failure> {
    let client = cx.world.client().await?;
    let (platform, name) = (cx.world.platform.as_str(), seen.id.name().as_str());
    // The plan ensures that users' objects are already deleted, or that their loss is allowed.
    Ok(release::remove(&client, platform, name, DataLoss::Allowed, GONE_PATIENCE, cx).await?)
}

impl Release {
    /// Returns the rendered release; `None` while images or keys that it names do not exist yet.
    pub(super) fn rendered_if_possible(&self) -> Result<Option<release::Release>, Failure> {
        self.inputs.release(self.name)
    }
}
