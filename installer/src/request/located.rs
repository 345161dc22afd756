//! The second part of a resolution: the engine or the cluster of a platform. It is the one that the platform was created
//! in, and the platform is not one of another account that this run may not change.

use std::sync::Arc;

use devplat_tool::docker::Engine;

use super::{
    Asked, Looked, Purpose, Run, absent,
    choice::{self, By, Named, PlatformPlace, or_forget},
    detect,
    engine::{self, lock_engine, once_connected},
    identity,
};
use crate::{
    failure::Failure,
    host::Host,
    platform_context::{PlatformContext, TakenOver},
    state::{Decisions, EngineLock, Location},
};

/// A platform that exists, or that must be searched for.
pub struct Located<'a> {
    /// The context to act on.
    pub context: Arc<PlatformContext>,
    /// The remembered decisions.
    pub decisions: Decisions,
    /// Whether the command line, the decisions or the profile name its place. Otherwise it is searched for by its marks.
    pub known: bool,
    /// The searched places, for messages.
    pub looked: Vec<Looked>,
    /// Held during a change, against other accounts that use the same Docker engine.
    pub engine_lock: Option<EngineLock>,
    pub(super) asked: &'a Asked,
    pub(super) host: &'a Host,
    pub(super) purpose: Purpose,
    /// The engine or the cluster with its unique id, if it was compared with the remembered one.
    pub(super) location: Option<Location>,
}

impl<'a> Run<'a> {
    /// Locates the platform by the command line, else by the decisions. Fails if its engine or cluster is not the one that
    /// it was created in, if a change meets one of another account, or if another program created the cluster than that
    /// of the profile on the command line.
    pub async fn locate(mut self) -> Result<Located<'a>, Failure> {
        let Some(Named { place, by, maker }) = choice::by_name(&self)? else {
            return Err(absent::unnamed(self.asked, self.host).await);
        };
        if let Some(maker) = maker {
            Box::pin(detect::refuse_other_maker(maker, &mut self)).await?;
        }
        Box::pin(self.locate_in(place, by)).await
    }

    /// Locates the platform in a place that was chosen for this reason.
    pub(super) async fn locate_in(self, place: PlatformPlace, by: By) -> Result<Located<'a>, Failure> {
        let Self { asked, host, purpose, state, engine, decisions } = self;
        let mut looked = vec![Looked::In(format!("state folder {}", state.path().display()))];
        let (engine, named) = match place {
            PlatformPlace::Named(named) => {
                looked.push(Looked::In(format!("context {}", named.context.name)));
                (None, Some(named))
            }
            PlatformPlace::Engine => {
                let connected = connect(engine, by, host, &mut looked).await;
                let engine = connected.map_err(|failure| {
                    failure.maybe_hint(engine::other_address(decisions.place.as_ref(), &host.surroundings))
                })?;
                (engine, None)
            }
        };
        if let (By::Profile, Purpose::Change, Some(engine)) = (by, purpose, &engine)
            && let Some(other) = engine.other_host().await?
        {
            host.ui.remark(&format!("note: {other}"));
        }
        let context = asked
            .platform_context(host, state, engine, named)
            .accepting(TakenOver::of(&decisions.taken_over));
        let reachable = context.engine.is_some() || context.named.is_some();
        let location = match by {
            By::Profile => Some(place_of(&context, host).await?),
            By::Name | By::Marks if decisions.place.is_some() && reachable => {
                Some(place_of(&context, host).await.map_err(|failure| or_forget(failure, asked))?)
            }
            By::Name | By::Marks => None,
        };
        if let Some(location) = &location {
            identity::check(&decisions, location, &context)?;
        }
        identity::check_account(&decisions, &context, purpose, host).await?;
        let engine_lock = match (purpose, &context.engine) {
            (Purpose::Change, Some(engine)) => {
                Some(lock_engine(engine, location.as_ref(), &context.platform).await?)
            }
            (Purpose::Change, None) | (Purpose::Plan | Purpose::Look, _) => None,
        };
        let known = by != By::Marks;
        let context = Arc::new(context);
        Ok(Located { context, decisions, known, looked, engine_lock, asked, host, purpose, location })
    }
}

impl Located<'_> {
    /// Returns the failure of `verb` for a platform that is neither known nor found, with the searched places and the
    /// contexts that have its marks, and whether there are such contexts.
    pub async fn not_found(&self, verb: &str) -> (Failure, bool) {
        absent::not_found(self.asked, verb, self.host, &self.looked).await
    }

    /// Returns the command line that creates the platform, after it was found nowhere.
    pub fn creation(&self) -> Result<String, Failure> {
        detect::creation(self.asked, self.host)
    }
}

/// Returns the engine or the cluster of the platform, and reports a wait for its answer.
async fn place_of(context: &PlatformContext, host: &Host) -> Result<Location, Failure> {
    let what = || match (&context.named, &context.engine) {
        (Some(named), _) => format!("the API server at {}", named.context.server),
        (None, Some(engine)) => format!("the Docker engine at {}", engine.endpoint()),
        (None, None) => "the Docker engine".to_owned(),
    };
    host.ui.awaited(what, Box::pin(identity::place(context))).await
}

/// Returns the Docker engine. An absent one is an error only if it was chosen by the profile or by name.
async fn connect(
    tried: Option<Result<Engine, Failure>>,
    by: By,
    host: &Host,
    looked: &mut Vec<Looked>,
) -> Result<Option<Engine>, Failure> {
    let engine = match by {
        By::Profile | By::Name => Ok(once_connected(tried, host).await?),
        By::Marks => engine::connect(host).await,
    };
    match engine {
        Ok(engine) => {
            looked.push(Looked::In(format!("Docker engine at {}", engine.endpoint())));
            Ok(Some(engine))
        }
        Err(error) => {
            looked.push(Looked::NotReached(error.into()));
            Ok(None)
        }
    }
}
