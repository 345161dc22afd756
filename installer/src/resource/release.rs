//! A release: objects in the cluster that are applied together.

mod facts;
mod going;
mod namesakes;
mod node_port;
mod nodes;
mod order;
mod standing;
mod trial;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use devplat_kubernetes::release::{self, DataLoss, ReleaseError, ReleaseState};
use devplat_plan::{
    Action, Blocked, Change, Edges, Facts, Graph, Id, KindName, Physical, Plan, Planned, State, Step, Verdict,
};
use devplat_render::ReleaseName;
use kube::Client;
use tokio::sync::OnceCell;

use super::{
    AnyResource, CLUSTER, Cx, Found, ResourceKind, Seen, SeenThrough, Traits, Wanted, edges, kept,
    names::{BUILD, KEY, PROOF, PROOF_SERVER, RELEASE, USER_DATA, release_id},
};
use crate::{
    failure::{Exit, Failure, one_line},
    platform::PlatformInputs,
    platform_context::PlatformContext,
};
pub(crate) use facts::Fields;
use facts::name_other_platform;
pub use nodes::closed_to_new_pods;
use order::Order;
use trial::try_pods;

/// How long a release may take to be ready, with pulls of images and starts of programs on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);
/// How long deleted objects may take to be gone.
const GONE_PATIENCE: Duration = Duration::from_mins(5);

/// A release.
#[derive(Clone)]
pub(crate) struct ReleaseResource {
    name: ReleaseName,
    inputs: Arc<PlatformInputs>,
    /// The trial of the pods of all releases, which the first step of any release makes.
    tried: Arc<OnceCell<()>>,
    order: Order,
    /// The report of the data that is deleted with the CRDs, which the first step of any release makes.
    reported: Arc<OnceCell<()>>,
}

impl ResourceKind for ReleaseResource {
    const NAME: super::KindWith<Self::Output> = RELEASE;
    const GONE_FIRST: &'static [KindName] = &[USER_DATA.name(), PROOF_SERVER.name(), PROOF.name()];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|release, cx| Box::pin(release.apply(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|release, cx| Box::pin(release.apply(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let tried: Arc<OnceCell<()>> = Arc::default();
        let reported: Arc<OnceCell<()>> = Arc::default();
        let release = |name| Self {
            name,
            inputs: Arc::clone(inputs),
            tried: Arc::clone(&tried),
            order: Order::CrdsFirst,
            reported: Arc::clone(&reported),
        };
        Ok(ReleaseName::ALL.map(release).into())
    }

    fn id(&self) -> Id {
        release_id(self.name)
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        let (mut needs, mut needs_usable) = (Vec::new(), Vec::new());
        match self.name {
            ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Operator => {
                needs_usable.push(cluster.clone());
            }
            // After these, people can use the platform, and a cluster whose creation was interrupted is replaced.
            ReleaseName::Bastion | ReleaseName::Users => needs.push(cluster.clone()),
        }
        needs.extend(self.order.needs(self.name).iter().map(|release| release_id(*release)));
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
            ReleaseName::Users => {
                let users = self.inputs.users_with_generated_keys();
                needs.extend(users.map(|user| KEY.named(user.as_str())));
            }
            ReleaseName::Crds | ReleaseName::Flavors => {}
        }
        Edges {
            needs,
            needs_usable,
            deleted_with: edges::deleted_with(&self.inputs),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(match self.name {
            ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Users => Duration::from_secs(2),
            ReleaseName::Operator | ReleaseName::Bastion => Duration::from_secs(6),
        })
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let client = context.client().await?;
        let wanted = wanted.of::<Self>();
        let recorded = release::names(&client, context.platform.as_str(), context).await?;
        let looks = wanted.iter().map(|release| async {
            let Some(rendered) = release.inputs.release(release.name)? else {
                if !recorded.iter().any(|name| name == release.name.as_str()) {
                    return Ok::<_, Failure>(None);
                }
                let going = going::of(release.name, &release.inputs, &client, context).await?;
                return Ok(Some(Fields::NotRendered(going)));
            };
            let state = release::observe(&client, &rendered, context).await?;
            Ok((state != ReleaseState::Absent).then(|| Fields::Compared(Box::new(state))))
        });
        let mut looked = futures::future::try_join_all(looks).await?;
        name_other_platform(&mut looked);
        let crds = wanted.iter().position(|release| release.name == ReleaseName::Crds);
        let crds = crds.and_then(|place| looked[place].as_ref()?.state());
        let crds_leave = Order::of(crds, None) == Order::OperatorFirst;
        let mut all: Vec<Seen<Self>> = wanted
            .iter()
            .zip(looked)
            .filter_map(|(release, fields)| {
                let fields = if crds_leave { fields?.without_crds(release.name) } else { fields? };
                Some(seen(release.name.as_str(), fields, context))
            })
            .collect();
        let others = recorded.iter().filter(|name| wanted.iter().all(|one| one.name.as_str() != *name));
        all.extend(others.map(|name| seen(name, Fields::Leftover, context)));
        Ok(all)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let state = match &seen.fields {
            Fields::Compared(state) => state,
            Fields::NotRendered(going) => return Verdict::Differs(going::before_rendering(going)),
            Fields::LeavesWithCrds => {
                let why = "its CRDs are being deleted, and its objects with them";
                return Verdict::Unknown(why.to_owned());
            }
            Fields::Leftover => return Verdict::Unknown("not compared".to_owned()),
        };
        match &**state {
            ReleaseState::Foreign { .. } | ReleaseState::Absent => match namesakes::namesakes(state) {
                Some(names) => Verdict::Differs(vec![Change::in_place(namesakes::said(&names))]),
                None => Verdict::Unknown("not compared".to_owned()),
            },
            ReleaseState::Leaving(waiting) => {
                Verdict::Differs(waiting.iter().map(|one| Change::in_place(one.to_string())).collect())
            }
            ReleaseState::Present {
                missing,
                drifted,
                surplus,
                going,
                unknown,
                recorded,
                leaving,
                not_ready,
            } => {
                let mut changes = going::changes(missing, drifted, surplus, going);
                if !recorded && changes.is_empty() && unknown.is_empty() {
                    changes.push(Change::in_place("it was not applied completely"));
                }
                let waits = leaving.iter().chain(not_ready);
                changes.extend(waits.map(|waiting| Change::in_place(waiting.to_string())));
                match (changes.is_empty(), unknown.first()) {
                    (true, None) => Verdict::Same,
                    (true, Some((object, why))) => Verdict::Unknown(format!("{object} {why}")),
                    (false, _) => Verdict::Differs(changes),
                }
            }
        }
    }

    async fn obstacle(
        &self,
        _: &Step,
        plan: &Plan,
        context: &PlatformContext,
    ) -> Result<Option<Blocked>, Failure> {
        match self.name {
            ReleaseName::Bastion => match node_port::taken(plan, &self.inputs, context).await? {
                Some(taken) => Ok(Some(taken)),
                None => nodes::closed(self.name, plan, context).await,
            },
            ReleaseName::Operator => nodes::closed(self.name, plan, context).await,
            ReleaseName::Users => namesakes::taken(plan, &self.inputs, context).await,
            ReleaseName::Crds | ReleaseName::Flavors => Ok(None),
        }
    }

    async fn settle(&self, cx: &Cx) -> Result<(), Failure> {
        let client = cx.context.client().await?;
        let outcome = release::wait_ready(&client, &self.rendered()?, PATIENCE, cx).await;
        outcome.map_err(|error| Failure::of_release(&error, &cx.context.command_lines()))
    }
}

impl ReleaseResource {
    async fn apply(&self, cx: &Cx) -> Result<Physical, Failure> {
        let client = cx.context.client().await?;
        let rendered = self.rendered()?;
        let physical = Physical(format!("devplat-release-{}", self.name));
        self.tried.get_or_try_init(|| Box::pin(try_pods(self.name, &self.inputs, &client, cx))).await?;
        if self.order == Order::OperatorFirst {
            self.reported.get_or_try_init(|| Box::pin(report_leaving_data(&client, cx))).await?;
        }
        let marked = release::Release { account: Some(cx.context.account.to_string()), ..rendered };
        release::apply(&client, &marked, cx).await.map_err(|error| self.failure(&error, cx))?;
        Ok(physical)
    }

    /// Converts the error of the apply.
    fn failure(&self, error: &ReleaseError, cx: &Cx) -> Failure {
        let failure = Failure::of_release(error, &cx.context.command_lines());
        match error {
            ReleaseError::NodePort(error) => {
                let hints = node_port::hints(error, self.inputs.maker(), &cx.context.kubectl());
                Failure { exit: node_port::exit(error), ..failure }.with_hints(hints)
            }
            // Since the plan was made.
            ReleaseError::Foreign(objects) => namesakes::failure(objects, &cx.context).unwrap_or(failure),
            ReleaseError::Call(_)
            | ReleaseError::NotReady(_)
            | ReleaseError::Refused { .. }
            | ReleaseError::Stopped(_) => failure,
        }
    }

    /// Returns the rendered release; `None` while images or keys that it names do not exist yet.
    pub(super) fn rendered_if_possible(&self) -> Result<Option<release::Release>, Failure> {
        self.inputs.release(self.name)
    }

    fn rendered(&self) -> Result<release::Release, Failure> {
        self.rendered_if_possible()?.ok_or_else(|| {
            Failure::new(Exit::PartWay, format!("images or keys of release {} no longer exist", self.name))
                .hint("run the same command again, which creates them again")
        })
    }
}

/// Returns `wanted` with the releases in the order that their found states need.
pub fn in_order(
    wanted: Graph<AnyResource>,
    found: &BTreeMap<Id, Vec<Found>>,
) -> Result<Graph<AnyResource>, Failure> {
    let order = order_of(&wanted, found);
    if order == Order::CrdsFirst {
        return Ok(wanted);
    }
    let all: Vec<AnyResource> = wanted.iter().cloned().collect();
    let releases = Wanted::These(&all).of::<ReleaseResource>().into_iter();
    let releases = releases.map(|release| AnyResource::new(ReleaseResource { order, ..release }));
    let others = all.iter().filter(|resource| resource.id().kind() != RELEASE.name()).cloned();
    Graph::new(others.chain(releases)).map_err(|error| Failure::of(Exit::Internal, &error))
}

fn order_of(wanted: &Graph<AnyResource>, found: &BTreeMap<Id, Vec<Found>>) -> Order {
    let state = |name| {
        let id = release_id(name);
        let live = kept(found.get(&id)?, wanted.get(&id))?;
        live.seen.downcast_ref::<Seen<ReleaseResource>>()?.fields.state()
    };
    Order::of(state(ReleaseName::Crds), state(ReleaseName::Flavors))
}

/// Reports the dev servers and users that are deleted with their CRDs. devplat cannot keep them: Kubernetes does not take
/// back a deletion.
async fn report_leaving_data(client: &Client, cx: &Cx) -> Result<(), Failure> {
    let data = release::leaving_data(client, cx.context.platform.as_str(), cx).await?;
    if data.deleted_with_crds() {
        cx.remark(&format!(
            "being deleted with their CRDs: {data}; homes stay unless their homeRetention is Delete"
        ));
    }
    Ok(())
}

fn seen(name: &str, fields: Fields, context: &PlatformContext) -> Seen<ReleaseResource> {
    let (owner, faults) = (fields.owner(), fields.faults());
    let known = ReleaseName::ALL.into_iter().find(|known| known.as_str() == name);
    // A release is deleted after the releases that need it; releases that this version does not know are deleted first.
    let needing =
        ReleaseName::ALL.into_iter().filter(|other| known.is_some_and(|known| rests_on(*other, known)));
    let deletion = Facts::lasting(Duration::from_secs(4));
    let seen = Seen::ours(RELEASE.named(name), format!("devplat-release-{name}"), fields, Some(()));
    let state = if faults.is_empty() { State::Ready } else { State::Degraded(faults) };
    Seen {
        owner,
        state,
        deleted_with: edges::deleted_with_of(context),
        gone_first: needing.map(release_id).collect(),
        deletion,
        ..seen
    }
}

/// Returns whether `release` needs `base`, directly or through another one.
fn rests_on(release: ReleaseName, base: ReleaseName) -> bool {
    release.needs().iter().any(|need| *need == base || rests_on(*need, base))
}

async fn delete(seen: &Seen<ReleaseResource>, cx: &Cx) -> Result<(), Failure> {
    let client = cx.context.client().await?;
    let (platform, name) = (cx.context.platform.as_str(), seen.id.name().as_str());
    // The plan ensures that users' objects are already deleted, or that their loss is allowed.
    let outcome = release::remove(&client, platform, name, DataLoss::Allowed, GONE_PATIENCE, cx).await;
    let damage = outcome.map_err(|error| Failure::of_removal(error, &cx.context.command_lines()))?;
    if let Some(damage) = damage {
        let why = one_line(&damage);
        cx.remark(&format!(
            "inventory devplat-release-{name}: {why}; the objects of the release are deleted by their labels"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
