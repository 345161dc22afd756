//! The dev server of the proof. It is created as soon as the cluster has the CRDs, so that it starts while operator and
//! bastion start. The proof deletes it.

use std::{sync::Arc, time::Duration};

use devplat_image::ImageName;
use devplat_kubernetes::proof::{self, Patience, Remains};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_render::ReleaseName;

use super::{
    CLUSTER, Cx, Kind, Seen, SeenThrough, Traits, Wanted, edges,
    names::{PROOF_SERVER, release_id},
    proof::{ProofKey, Proved},
    release,
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    world::World,
};

/// The operator may still be starting, and pulling an image takes minutes.
const PATIENCE: Patience = Patience { seen: release::PATIENCE, ready: Duration::from_mins(10) };

/// A user with a dev server, for the proof.
#[derive(Clone)]
pub(crate) struct ProofServer {
    inputs: Arc<PlatformInputs>,
    key: ProofKey,
}

/// The known facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Whether the platform is already proved, so that no dev server is needed.
    proved: bool,
    /// Whether a killed run left a dev server.
    left: bool,
}

impl Kind for ProofServer {
    const NAME: KindName = PROOF_SERVER;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { in_passing: true, droppable: false, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|server, cx| Box::pin(server.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|server, cx| Box::pin(server.create(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Fields;
    /// The key that signs in.
    type Output = ProofKey;

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(vec![Self { inputs: Arc::clone(inputs), key: ProofKey::default() }])
    }

    fn id(&self) -> Id {
        PROOF_SERVER.single()
    }

    fn edges(&self) -> Edges {
        let images = self.inputs.images().into_iter().map(|image: ImageName| edges::delivered(&self.inputs, image));
        let releases = [ReleaseName::Crds, ReleaseName::Flavors].map(release_id);
        let needs = releases.into_iter().chain(images).chain(edges::pulled_through(&self.inputs)).collect();
        let cluster = CLUSTER.single();
        Edges { needs, dies_with: Some(cluster.clone()), seen_through: Some(cluster), ..Edges::default() }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(8))
    }

    async fn find(world: &World, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let client = world.client().await?;
        let left = match proof::remains(&client, world.platform.as_str(), world).await? {
            Remains::Left => true,
            // A destroy waits until they are gone.
            Remains::Leaving => wanted.is_empty(),
            Remains::Nothing => false,
        };
        let proved = match wanted.of::<Self>().pop() {
            None => false,
            Some(server) => super::proof::proved(&server.inputs, world).await? == Proved::AsItIs,
        };
        if !proved && !left {
            return Ok(Vec::new());
        }
        let fields = Fields { proved, left };
        let seen = Seen::ours(PROOF_SERVER.single(), proof::NAME, fields, None);
        Ok(vec![Seen { dies_with: edges::dies_with_of(world), ..seen }])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        match seen.fields {
            Fields { proved: true, left: false } => Verdict::Same,
            Fields { proved: true, left: true } => {
                Verdict::Differs(vec![Change::in_place("an interrupted run left it")])
            }
            Fields { proved: false, .. } => {
                Verdict::Differs(vec![Change::in_place("the platform in its present state is not proved")])
            }
        }
    }

    async fn settle(&self, cx: &Cx) -> Result<ProofKey, Failure> {
        if self.key.get().is_some() {
            let client = cx.world.client().await?;
            proof::wait_ready(&client, cx.world.platform.as_str(), PATIENCE, cx).await.map_err(super::proof::unproved)?;
        }
        Ok(Arc::clone(&self.key))
    }
}

impl ProofServer {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let client = cx.world.client().await?;
        let platform = cx.world.platform.as_str();
        let physical = Physical(proof::NAME.to_owned());
        if super::proof::proved(&self.inputs, &cx.world).await? == Proved::AsItIs {
            proof::clear(&client, platform, cx).await?;
            return Ok(physical);
        }
        let flavor = self.inputs.profile.dev_servers.default_flavor.as_str();
        let key = proof::begin(&client, platform, flavor, PATIENCE, cx).await.map_err(super::proof::unproved)?;
        self.key.set(key).map_err(|_| Failure::new(Exit::Internal, "the proof has two keys"))?;
        Ok(physical)
    }
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let client = cx.world.client().await?;
    Ok(proof::clear(&client, cx.world.platform.as_str(), cx).await?)
}
