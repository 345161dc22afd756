//! Objects with the platform's label that no release has: the leftovers of a lost inventory.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::{ObjectRef, release};
use devplat_plan::{Action, Edges, Facts, Id, KindName, Verdict};

use super::{
    Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, edges,
    names::{PROOF_SERVER, RELEASE, STRAYS, USER_DATA},
};
use crate::{failure::Failure, platform::PlatformInputs, platform_context::PlatformContext};

/// How long the objects may take to be gone.
const PATIENCE: Duration = Duration::from_mins(5);

/// Objects that are in no release.
#[derive(Debug, Clone)]
pub(crate) struct Strays;

impl ResourceKind for Strays {
    const NAME: super::KindWith<Self::Output> = STRAYS;
    const GONE_FIRST: &'static [KindName] = &[RELEASE.name(), USER_DATA.name(), PROOF_SERVER.name()];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = None;
    const UPDATE: Option<super::kind::Act<Self>> = None;
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = Vec<ObjectRef>;
    type Output = ();

    fn wanted(_: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(Vec::new())
    }

    fn id(&self) -> Id {
        STRAYS.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(4))
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let client = context.client().await?;
        let mut rendered = Vec::new();
        for release in wanted.of::<super::release::ReleaseResource>() {
            match release.rendered_if_possible()? {
                Some(release) => rendered.push(release),
                // A release whose objects are not known yet could have any object, so none is a stray.
                None => return Ok(Vec::new()),
            }
        }
        let strays = release::strays(&client, context.platform.as_str(), &rendered, context).await?;
        if strays.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = strays.iter().map(ToString::to_string).collect();
        let seen = Seen::ours(STRAYS.single(), names.join(", "), strays, None);
        Ok(vec![Seen { deleted_with: edges::deleted_with_of(context), ..seen }])
    }

    fn compare(&self, _: &Seen<Self>) -> Verdict {
        Verdict::Same
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

async fn delete(seen: &Seen<Strays>, cx: &Cx) -> Result<(), Failure> {
    let client = cx.context.client().await?;
    let platform = cx.context.platform.as_str();
    let outcome = release::remove_strays(&client, platform, &seen.fields, PATIENCE, cx).await;
    outcome.map_err(|error| Failure::of_removal(error, &cx.context.command_lines()))
}
