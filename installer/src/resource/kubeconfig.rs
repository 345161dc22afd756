//! The kubeconfig in the state folder, for a cluster that devplat created. The user's own kubeconfig is never changed.

use std::{path::PathBuf, sync::Arc};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};

use super::{CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
    state::StateFolder,
};

/// The kubeconfig in the state folder.
#[derive(Clone)]
pub(crate) struct KeptKubeconfig {
    state: StateFolder,
}

/// Two kubeconfigs, which hold private keys.
#[derive(Clone)]
pub(crate) struct Fields {
    /// The one in the state folder.
    kept: String,
    /// The one that leads to the cluster; `None` if the cluster has none to keep.
    current: Option<Arc<str>>,
}

impl ResourceKind for KeptKubeconfig {
    const NAME: super::KindWith<Self::Output> = super::KindWith::new("kubeconfig");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|kept, cx| Box::pin(kept.write(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|kept, cx| Box::pin(kept.write(cx)));
    /// It is deleted with the state folder.
    const DELETE: Option<super::kind::DeleteSeen<Self>> = None;
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let local = inputs.profile.cluster.local();
        Ok(local.map(|_| Self { state: inputs.state.clone() }).into_iter().collect())
    }

    fn id(&self) -> Id {
        Self::NAME.single()
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![cluster.clone()],
            deleted_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::default()
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        if wanted.of::<Self>().is_empty() {
            return Ok(Vec::new());
        }
        let path = context.state.kubeconfig();
        let Some(kept) = context.state.read(&path)? else { return Ok(Vec::new()) };
        let fields = Fields { kept, current: current(context) };
        Ok(vec![Seen::ours(Self::NAME.single(), path.display().to_string(), fields, Some(()))])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let Fields { kept, current } = &seen.fields;
        if current.as_deref() == Some(kept.as_str()) {
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
        let text = current(&cx.context)
            .ok_or_else(|| Failure::new(Exit::PartWay, "the cluster gave no kubeconfig"))?;
        self.state.make()?;
        cx.write_file(&path, &text).await?;
        Ok(Physical(path.display().to_string()))
    }
}

/// Returns the kubeconfig that leads to the cluster.
fn current(context: &PlatformContext) -> Option<Arc<str>> {
    context.cluster()?.kept
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use devplat_profile::PlatformName;

    use super::*;

    #[test]
    fn kubeconfig_of_another_cluster_differs() {
        let state = StateFolder::below(Path::new("/state"), &PlatformName::default());
        let kubeconfig = KeptKubeconfig { state };
        let compared = |kept: &str, current: Option<&str>| {
            let fields = Fields { kept: kept.to_owned(), current: current.map(Arc::from) };
            kubeconfig.compare(&Seen::ours(kubeconfig.id(), "kubeconfig", fields, Some(())))
        };
        assert_eq!(compared("a", Some("a")), Verdict::Same);
        let differs = Verdict::Differs(vec![Change::in_place("it does not lead to the cluster")]);
        assert_eq!(compared("a", Some("b")), differs);
        assert_eq!(compared("a", None), differs);
    }
}
