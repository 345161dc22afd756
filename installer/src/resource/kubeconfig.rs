//! The kubeconfig in the state folder, for a cluster that devplat created. The user's own kubeconfig is never changed.

use std::{path::PathBuf, sync::Arc};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_profile::Cluster;

use super::{CLUSTER, Cx, Kind, Seen, SeenThrough, Traits, Wanted, names::KUBECONFIG};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    state::StateFolder,
    world::World,
};

/// The kubeconfig in the state folder.
#[derive(Clone)]
pub(crate) struct KeptKubeconfig {
    state: StateFolder,
}

impl Kind for KeptKubeconfig {
    const NAME: KindName = KUBECONFIG;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { in_passing: false, droppable: false, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|kept, cx| Box::pin(kept.write(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|kept, cx| Box::pin(kept.write(cx)));
    /// It is deleted with the state folder.
    const DELETE: Option<super::kind::Remove<Self>> = None;
    /// Whether it leads to the cluster.
    type Fields = bool;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(match inputs.profile.cluster {
            Cluster::Kind(_) | Cluster::K3d(_) => vec![Self { state: inputs.state.clone() }],
            Cluster::Existing(_) => Vec::new(),
        })
    }

    fn id(&self) -> Id {
        KUBECONFIG.single()
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![cluster.clone()],
            dies_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::default()
    }

    async fn find(world: &World, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        if wanted.of::<Self>().is_empty() {
            return Ok(Vec::new());
        }
        let path = world.state.kubeconfig();
        let Some(text) = world.state.read(&path)? else { return Ok(Vec::new()) };
        let leads = kept_text(world).is_some_and(|wanted| wanted == text);
        Ok(vec![Seen::ours(KUBECONFIG.single(), path.display().to_string(), leads, Some(()))])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        if seen.fields {
            Verdict::Same
        } else {
            Verdict::Differs(vec![Change::in_place("it does not lead to the cluster")])
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl KeptKubeconfig {
    async fn write(&self, cx: &Cx) -> Result<Physical, Failure> {
        let path: PathBuf = self.state.kubeconfig();
        let text = kept_text(&cx.world)
            .ok_or_else(|| Failure::new(Exit::PartWay, "the cluster gave no kubeconfig"))?;
        self.state.make()?;
        cx.call(format!("write {}", path.display()), |()| None, async { self.state.write(&path, &text) })
            .await?;
        Ok(Physical(path.display().to_string()))
    }
}

fn kept_text(world: &World) -> Option<String> {
    world.cluster()?.kept.map(|text| text.to_string())
}
