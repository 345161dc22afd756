//! A failure beside a wait for a temporary resource that nothing will use any longer, as of the proof's dev server while the
//! operator cannot start.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use devplat_plan::{Action, Allowed, Edges, Facts, Graph, Id, KindName, Physical, Sights, Verdict, diff};

use super::super::{AnyResource, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, kind};
use crate::{
    apply::Apply,
    check,
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::{KindWith, PlatformContext, testing::context},
    ui::{Event, Ui},
};

/// A temporary resource that is never ready.
#[derive(Clone)]
struct Endless;

/// A resource that uses the endless one.
#[derive(Clone)]
struct EndlessUser;

/// A resource that fails. The user needs it as well.
#[derive(Clone)]
struct Failing;

const ENDLESS: KindWith<()> = KindWith::new("endless");
const USER: KindWith<()> = KindWith::new("user");
const FAILING: KindWith<()> = KindWith::new("failing");

macro_rules! kind_of {
    ($kind:ident, $name:ident, $temporary:literal, $needs:expr, $settle:expr) => {
        impl ResourceKind for $kind {
            const NAME: KindWith<Self::Output> = $name;
            const GONE_FIRST: &'static [KindName] = &[];
            const SEEN: SeenThrough = SeenThrough::Nothing;
            const TRAITS: Traits = Traits { temporary: $temporary, interruptible: false, listed: false };
            const CREATE: Option<kind::Act<Self>> =
                Some(|_, _| Box::pin(async { Ok(Physical("new".to_owned())) }));
            const UPDATE: Option<kind::Act<Self>> = None;
            const DELETE: Option<kind::DeleteSeen<Self>> = Some(|_, _| Box::pin(async { Ok(()) }));
            type Fields = ();
            type Output = ();

            fn wanted(_: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
                Ok(Vec::new())
            }

            fn id(&self) -> Id {
                Self::NAME.single()
            }

            fn edges(&self) -> Edges {
                Edges { needs: $needs, ..Edges::default() }
            }

            fn facts(&self, _: Action) -> Facts {
                Facts::default()
            }

            async fn find(_: &PlatformContext, _: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
                let seen = Seen::ours(Self::NAME.single(), "new", (), Some(()));
                Ok(vec![seen])
            }

            fn compare(&self, _: &Seen<Self>) -> Verdict {
                Verdict::Same
            }

            async fn settle(&self, _: &Cx) -> Result<(), Failure> {
                $settle.await
            }
        }
    };
}

async fn failing() -> Result<(), Failure> {
    // Until the other step waits.
    tokio::time::sleep(Duration::from_millis(20)).await;
    Err(Failure::new(Exit::PartWay, "no node takes pods").hint("uncordon it"))
}

kind_of!(Endless, ENDLESS, true, Vec::new(), std::future::pending());
kind_of!(EndlessUser, USER, false, vec![ENDLESS.single(), FAILING.single()], std::future::ready(Ok(())));
kind_of!(Failing, FAILING, false, Vec::new(), failing());

#[tokio::test]
async fn failure_ends_the_wait_that_became_useless() {
    let folder = tempfile::tempdir().unwrap();
    let (context, ui) = (Arc::new(context(folder.path())), Ui::recording());
    let all = [AnyResource::new(Endless), AnyResource::new(Failing), AnyResource::new(EndlessUser)];
    let wanted = Graph::new(all).unwrap();
    let plan = diff(&wanted, &Sights::new(), &Allowed::Nothing).unwrap();
    let checked = check::check(plan, &wanted, &BTreeMap::new(), &context).await.unwrap();
    let (again, destroy) = ("devplat up".to_owned(), "devplat destroy".to_owned());
    let apply = Apply { context, ui: ui.clone(), again, destroy };
    let ended = tokio::time::timeout(Duration::from_secs(5), Box::pin(apply.run(&checked))).await;
    let failure = ended.expect("the other step waits no longer").unwrap_err();
    assert_eq!(failure.one_line(), "cannot create failing: no node takes pods");
    assert_eq!(failure.hints, ["uncordon it"]);
    let ends = ui.transcript().events.into_iter().filter_map(|event| match event {
        Event::Failed { step, .. } => Some(format!("{step} failed")),
        Event::Done { step, action, .. } => Some(format!("{action} {step}")),
        _ => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), ["failing failed", "delete endless"]);
}
