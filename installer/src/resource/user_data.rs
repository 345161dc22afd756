//! Dev servers and users in an existing cluster, which users created. They are deleted before the operator, which
//! removes their finalizers, and only if the user agrees.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::release;
use devplat_plan::{Action, Edges, Facts, Id, KindName, Loss, Owner, Verdict};
use devplat_render::ReleaseName;

use super::{
    Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, edges,
    names::{PROOF_SERVER, STRAYS, USER_DATA, release_id},
};
use crate::{failure::Failure, platform::PlatformInputs, platform_context::PlatformContext};

/// How long they may take to be gone: their processes have 30 s to end.
const PATIENCE: Duration = Duration::from_mins(5);

/// Dev servers and users.
#[derive(Debug, Clone)]
pub(crate) struct UserData;

impl ResourceKind for UserData {
    const NAME: super::KindWith<Self::Output> = USER_DATA;
    const GONE_FIRST: &'static [KindName] = &[PROOF_SERVER.name()];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = None;
    const UPDATE: Option<super::kind::Act<Self>> = None;
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = ();
    type Output = ();

    fn wanted(_: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(Vec::new())
    }

    fn id(&self) -> Id {
        USER_DATA.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(10))
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        // Only a destroy reads them, because only it can delete them.
        if !wanted.is_nothing() {
            return Ok(Vec::new());
        }
        let client = context.client().await?;
        let data = release::data(&client, context.platform.as_str(), context).await?;
        let any = release::has_custom_resources(&client, context).await?;
        if !any {
            return Ok(Vec::new());
        }
        let loses = data.deleted_with_crds().then(|| Loss(data.to_string()));
        // The CRDs of a platform whose inventory is lost are strays, and are deleted as such.
        let strays = release::strays(&client, context.platform.as_str(), &[], context).await?;
        let crds_are_strays = strays.iter().any(|object| object.kind == "CustomResourceDefinition");
        let by = if crds_are_strays { STRAYS.single() } else { release_id(ReleaseName::Crds) };
        let seen = Seen::ours(USER_DATA.single(), "DevServers and DevUsers", (), None);
        Ok(vec![Seen {
            owner: Owner::Caused { by },
            deleted_with: edges::deleted_with_of(context),
            loses,
            deletion: Facts::lasting(Duration::from_secs(10)),
            ..seen
        }])
    }

    fn compare(&self, _: &Seen<Self>) -> Verdict {
        Verdict::Same
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

async fn delete(_: &Seen<UserData>, cx: &Cx) -> Result<(), Failure> {
    let client = cx.context.client().await?;
    let outcome = release::remove_custom_resources(&client, PATIENCE, cx).await;
    outcome.map_err(|error| Failure::of_removal(error, &cx.context.command_lines()))
}
