//! The dev server of the proof. It is created as soon as the cluster has the CRDs, so that it starts while operator and
//! bastion start. The proof waits until it is ready, and deletes it.

use std::{sync::Arc, time::Duration};

use devplat_image::ImageName;
use devplat_kubernetes::{
    proof::{self, Patience, ProofError, ProofRemains},
    release::OperatorPresence,
};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, State, Verdict};
use devplat_render::ReleaseName;
use kube::Client;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, edges,
    names::{BegunProof, KEY, PROOF_SERVER, release_id},
    proof::Proved,
    release,
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
};

/// The operator may still be starting, and pulling an image takes minutes.
const PATIENCE: Patience = Patience { seen: release::PATIENCE, ready: Duration::from_mins(10) };

/// A user with a dev server, for the proof.
#[derive(Clone)]
pub(crate) struct ProofServer {
    inputs: Arc<PlatformInputs>,
    begun: BegunProof,
}

/// The known facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Whether the platform is already proved, so that no dev server is needed.
    proved: bool,
    /// The remains of an earlier proof.
    remains: ProofRemains,
}

impl ResourceKind for ProofServer {
    const NAME: super::KindWith<Self::Output> = PROOF_SERVER;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: true, interruptible: false, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|server, cx| Box::pin(server.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|server, cx| Box::pin(server.create(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Fields;
    type Output = BegunProof;

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(vec![Self { inputs: Arc::clone(inputs), begun: BegunProof::default() }])
    }

    fn id(&self) -> Id {
        PROOF_SERVER.single()
    }

    fn edges(&self) -> Edges {
        let images =
            self.inputs.images().into_iter().map(|image: ImageName| edges::delivered(&self.inputs, image));
        let releases = [ReleaseName::Crds, ReleaseName::Flavors].map(release_id);
        let through = edges::pulled_through(&self.inputs);
        // The images and the keys decide whether the platform is already proved.
        let keys = self.inputs.users_with_generated_keys().map(|user| KEY.named(user.as_str()));
        let needs = releases.into_iter().chain(images).chain(through).chain(keys).collect();
        let cluster = CLUSTER.single();
        Edges {
            needs,
            needs_usable: vec![cluster.clone()],
            deleted_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(8))
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let client = context.client().await?;
        let remains = proof::remains(&client, context.platform.as_str(), context).await?;
        let proved = match wanted.of::<Self>().pop() {
            None => false,
            Some(server) => super::proof::proved(&server.inputs, context).await? == Proved::AsItIs,
        };
        let fields = Fields { proved, remains };
        let Some(state) = state(fields) else { return Ok(Vec::new()) };
        let seen = Seen::ours(PROOF_SERVER.single(), proof::NAME, fields, None);
        Ok(vec![Seen { state, deleted_with: edges::deleted_with_of(context), ..seen }])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        compare(seen.fields)
    }

    /// The proof waits until the dev server is ready, because it can sign in before that.
    async fn settle(&self, cx: &Cx) -> Result<BegunProof, Failure> {
        if let Some(begun) = self.begun.get() {
            let client = cx.context.client().await?;
            let outcome = proof::wait_address(&client, cx.context.platform.as_str(), begun, cx).await;
            outcome.map_err(|error| not_started(&error, cx))?;
        }
        Ok(Arc::clone(&self.begun))
    }
}

/// Returns the state; `None` if there is no dev server, although a proof needs one.
fn state(fields: Fields) -> Option<State> {
    match fields {
        Fields { proved: false, remains: ProofRemains::Nothing } => None,
        Fields { proved: false, remains: ProofRemains::Leaving } => Some(State::Leaving),
        // Each proof leaves a dev server that is being deleted, and the next one waits until it is gone.
        Fields { proved: true, remains: ProofRemains::Nothing | ProofRemains::Leaving }
        | Fields { proved: _, remains: ProofRemains::Left } => Some(State::Ready),
    }
}

fn compare(fields: Fields) -> Verdict {
    let what = match fields {
        Fields { proved: true, remains: ProofRemains::Nothing | ProofRemains::Leaving } => {
            return Verdict::Same;
        }
        Fields { proved: true, remains: ProofRemains::Left } => "an interrupted run left it",
        Fields { proved: false, remains: ProofRemains::Leaving } => {
            "that of an earlier proof is being deleted"
        }
        Fields { proved: false, remains: ProofRemains::Nothing | ProofRemains::Left } => {
            "the platform in its present state is not proved"
        }
    };
    Verdict::Differs(vec![Change::in_place(what)])
}

impl ProofServer {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let client = cx.context.client().await?;
        let platform = cx.context.platform.as_str();
        let physical = Physical(proof::NAME.to_owned());
        if super::proof::proved(&self.inputs, &cx.context).await? == Proved::AsItIs {
            clear(&client, OperatorPresence::MayStart, cx).await?;
            return Ok(physical);
        }
        let flavor = self.inputs.profile.dev_servers.default_flavor.as_str();
        let outcome = proof::begin(&client, platform, flavor, PATIENCE, cx).await;
        let begun = outcome.map_err(|error| not_started(&error, cx))?;
        self.begun.set(begun).map_err(|_| Failure::new(Exit::Internal, "the proof has begun twice"))?;
        Ok(physical)
    }
}

/// Converts the failure of the first half of the proof. The releases may still be starting, or have failed.
fn not_started(error: &ProofError, cx: &Cx) -> Failure {
    let failure = Failure::of_proof(error, &cx.context.command_lines());
    failure.while_doing("the dev server of the proof does not start")
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let client = cx.context.client().await?;
    if cx.waits() {
        return clear(&client, OperatorPresence::Installed, cx).await;
    }
    let outcome = proof::remove(&client, cx.context.platform.as_str(), cx).await;
    outcome.map_err(|error| Failure::of_proof(&error, &cx.context.command_lines()))
}

/// Deletes the objects of an earlier proof and waits until they are gone.
async fn clear(client: &Client, operator: OperatorPresence, cx: &Cx) -> Result<(), Failure> {
    let outcome = proof::clear(client, cx.context.platform.as_str(), operator, cx).await;
    outcome.map_err(|error| Failure::of_proof(&error, &cx.context.command_lines()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_server_being_deleted_delays_only_a_new_proof() {
        let of = |proved, remains| {
            let fields = Fields { proved, remains };
            (state(fields), compare(fields))
        };
        let differs = |what: &str| Verdict::Differs(vec![Change::in_place(what)]);
        // Else an `up` directly after another one would have something to do.
        assert_eq!(of(true, ProofRemains::Leaving), (Some(State::Ready), Verdict::Same));
        let (state, verdict) = of(false, ProofRemains::Leaving);
        assert_eq!(state, Some(State::Leaving));
        assert_eq!(verdict, differs("that of an earlier proof is being deleted"));
        let left = (Some(State::Ready), differs("an interrupted run left it"));
        assert_eq!(of(true, ProofRemains::Left), left);
        assert_eq!(of(false, ProofRemains::Nothing).0, None);
    }
}
