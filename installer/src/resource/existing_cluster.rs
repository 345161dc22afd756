//! A cluster that the user named by a context. devplat adopts it and never deletes it.

use std::sync::Arc;

use devplat_kubernetes::{capabilities::Capabilities, context};
use devplat_plan::{Action, Edges, Facts, Id, KindName, Owner, Verdict};
use devplat_profile::Origin;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    fitness::{self, Needs},
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::{ClusterAccess, PlatformContext},
};

/// An existing cluster.
#[derive(Debug, Clone)]
pub(crate) struct Existing {
    needs: Needs,
}

impl ResourceKind for Existing {
    const NAME: super::KindWith<Self::Output> = CLUSTER;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = None;
    const UPDATE: Option<super::kind::Act<Self>> = None;
    const DELETE: Option<super::kind::DeleteSeen<Self>> = None;
    /// Its capabilities; `None` if nothing is wanted of it.
    type Fields = Option<Box<Capabilities>>;
    type Output = ClusterAccess;

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(match inputs.profile.cluster.origin() {
            Origin::Existing(_) => vec![Self { needs: Needs::of(&inputs.profile) }],
            Origin::Created(_) | Origin::Eks(_) => Vec::new(),
        })
    }

    fn id(&self) -> Id {
        CLUSTER.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::default()
    }

    /// Checks that the cluster answers, that the user has the rights to install, and that version and nodes are
    /// supported. The error names the failed check.
    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Some(named) = &context.named else { return Ok(Vec::new()) };
        let access = ClusterAccess::named(named);
        let client = context.client_of(&access).await?;
        context::reach(&client, &named.context, context).await?;
        let capabilities = match wanted {
            Wanted::These(_) => Some(Box::new(context.capabilities(named).await?.clone())),
            Wanted::Nothing | Wanted::Outputs => None,
        };
        let seen = Seen::ours(CLUSTER.single(), named.context.name.clone(), capabilities, Some(access));
        Ok(vec![Seen { owner: Owner::Adopted, ..seen }])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let unmet = seen.fields.as_ref().map(|capabilities| fitness::unmet(&self.needs, capabilities));
        match unmet {
            Some(unmet) if !unmet.is_empty() => Verdict::Unfit(unmet),
            Some(_) | None => Verdict::Same,
        }
    }

    async fn settle(&self, cx: &Cx) -> Result<ClusterAccess, Failure> {
        let named = cx.context.named.as_ref();
        let named = named.ok_or_else(|| Failure::new(Exit::Internal, "no context is named"))?;
        Ok(ClusterAccess::named(named))
    }
}
