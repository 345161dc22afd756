//! Finds all objects of a release and of its inventory, without writing. Drift is found by an apply with `dryRun=All`
//! and a comparison of its answer with the live object, so that both have the API server's defaults and conversions,
//! and the mutations of webhooks and policies.

use std::{collections::BTreeSet, fmt};

use futures::future::try_join_all;
use kube::{
    ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use tokio::sync::OnceCell;

use super::{
    PLATFORM_LABEL, Release,
    added_user::is_added_user,
    compare,
    held::{Held, held},
    inventory::{self, Inventory, NameHolder},
    is_ours,
    readiness::{self, Earlier},
    unchanged,
};
use crate::{
    CallError, Error, ObjectRef, Waiting,
    admission::{BrokenWebhook, RefusalKind, webhooks::Broken},
    call::{ApiServer, Call, CallVerb, Class, ErrorAnswer, if_there},
};

/// The number of objects of a release that are looked at concurrently. The client limits the calls of all releases.
const AT_ONCE: usize = 16;

/// The reason why an object cannot be compared with the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A webhook cannot answer.
    Webhook(BrokenWebhook),
    /// One of these webhooks probably did not answer.
    Webhooks {
        /// The webhooks that the dry run had to pass.
        suspects: Vec<BrokenWebhook>,
        /// The API server's answer.
        answer: ErrorAnswer,
    },
    /// The API server rejects the dry run.
    Rejected(ErrorAnswer),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(webhook) => write!(f, "cannot be compared: {webhook}"),
            Self::Webhooks { suspects, answer } => {
                let suspects: Vec<String> = suspects.iter().map(ToString::to_string).collect();
                write!(f, "cannot be compared: {}: {answer}", suspects.join("; "))
            }
            Self::Rejected(answer) => write!(f, "cannot be compared: {answer}"),
        }
    }
}

/// The state of the object with a wanted name.
pub(super) enum ObjectState {
    Missing,
    Foreign {
        /// The platform whose label it has.
        platform: Option<String>,
    },
    Leaving(Waiting),
    Same(Option<Waiting>),
    Drifted(Vec<String>),
    /// It is ours, but cannot be compared.
    Unknown(Reason),
}

/// A release as it is in the cluster; the objects are in the order of the release's.
pub(super) struct LiveRelease {
    pub(super) namespace: NameHolder<()>,
    pub(super) inventory: NameHolder<Inventory>,
    pub(super) objects: Vec<(ObjectRef, ObjectState)>,
}

impl LiveRelease {
    /// Returns the objects that exist and are not ours.
    pub(super) fn foreign(&self, release: &Release) -> Vec<ObjectRef> {
        let mut foreign = self.those(|state| matches!(state, ObjectState::Foreign { .. }));
        if self.namespace == NameHolder::Foreign {
            foreign.push(inventory::namespace_reference());
        } else if self.inventory == NameHolder::Foreign {
            foreign.push(inventory::reference(&release.name));
        }
        foreign
    }

    /// Returns the other platform that has one of the objects.
    pub(super) fn other_platform(&self) -> Option<String> {
        self.objects.iter().find_map(|(_, state)| match state {
            ObjectState::Foreign { platform } => platform.clone(),
            ObjectState::Missing
            | ObjectState::Leaving(_)
            | ObjectState::Same(_)
            | ObjectState::Drifted(_)
            | ObjectState::Unknown(_) => None,
        })
    }

    /// Returns our objects that are being deleted, which cannot be created again before they are gone.
    pub(super) fn leaving(&self, release: &Release) -> Vec<ObjectRef> {
        let mut leaving = self.those(|state| matches!(state, ObjectState::Leaving(_)));
        if matches!(self.namespace, NameHolder::Leaving(())) {
            leaving.push(inventory::namespace_reference());
        } else if matches!(self.inventory, NameHolder::Leaving(_)) {
            leaving.push(inventory::reference(&release.name));
        }
        leaving
    }

    fn those(&self, which: impl Fn(&ObjectState) -> bool) -> Vec<ObjectRef> {
        self.objects.iter().filter(|(_, state)| which(state)).map(|(object, _)| object.clone()).collect()
    }
}

/// Finds all objects of `release` and of its inventory, concurrently.
pub(super) async fn read_live(server: ApiServer<'_>, release: &Release) -> Result<LiveRelease, Error> {
    let Release { platform, name, account: _, objects: wanted, digest: _ } = release;
    let looker = Looker { server, platform, broken: OnceCell::new() };
    let (namespace, inventory, objects, going) = futures::try_join!(
        inventory::read_namespace(server, platform),
        inventory::read_whole(server, platform, name),
        looker.look_at_all(wanted),
        leaving_namespaces(server, wanted),
    )?;
    let objects = objects.into_iter().map(|(object, state)| {
        let state = if is_in_any(&object, &going) { state.in_leaving_namespace(&object) } else { state };
        (object, state)
    });
    Ok(LiveRelease { namespace, inventory, objects: objects.collect() })
}

/// Finds the namespaces of `objects` that are being deleted: Kubernetes deletes everything in them, also what has no sign
/// of it yet.
pub(super) async fn leaving_namespaces(
    server: ApiServer<'_>,
    objects: &[DynamicObject],
) -> Result<Vec<ObjectRef>, Error> {
    let names: BTreeSet<String> = objects.iter().filter_map(ResourceExt::namespace).collect();
    let looks = names.iter().map(|name| async {
        let namespace = ObjectRef::namespace(name);
        let live = server.metadata(&namespace).await?;
        let leaves = live.is_some_and(|live| live.metadata.deletion_timestamp.is_some());
        Ok::<_, Error>(leaves.then_some(namespace))
    });
    Ok(try_join_all(looks).await?.into_iter().flatten().collect())
}

fn is_in_any(object: &ObjectRef, namespaces: &[ObjectRef]) -> bool {
    namespaces.iter().any(|namespace| object.namespace.as_ref() == Some(&namespace.name))
}

impl ObjectState {
    /// Returns the state of an object that was found in this one, and whose namespace is being deleted.
    fn in_leaving_namespace(self, object: &ObjectRef) -> Self {
        match self {
            Self::Missing | Self::Foreign { .. } | Self::Leaving(_) => self,
            Self::Same(_) | Self::Drifted(_) | Self::Unknown(_) => Self::Leaving(Waiting {
                object: object.clone(),
                progress: "its namespace is being deleted".to_owned(),
                reason: None,
            }),
        }
    }
}

struct Looker<'a> {
    server: ApiServer<'a>,
    platform: &'a str,
    /// The broken webhooks, searched for after the first failed dry run. Objects that they match are not tried.
    broken: OnceCell<Broken>,
}

impl Looker<'_> {
    async fn look_at_all(&self, objects: &[DynamicObject]) -> Result<Vec<(ObjectRef, ObjectState)>, Error> {
        let mut found = Vec::with_capacity(objects.len());
        for some in objects.chunks(AT_ONCE) {
            let looks: Vec<_> = some.iter().map(|object| self.look(object)).collect();
            found.extend(try_join_all(looks).await?);
        }
        Ok(found)
    }

    async fn look(&self, object: &DynamicObject) -> Result<(ObjectRef, ObjectState), Error> {
        let reference = ObjectRef::of(object);
        let Some(live) = self.server.read(&reference).await? else {
            return Ok((reference, ObjectState::Missing));
        };
        // An added user of the profile differs at least in the label.
        if !is_ours(&live, self.platform) && !is_added_user(&live) {
            let platform = live.labels().get(PLATFORM_LABEL).cloned();
            return Ok((reference, ObjectState::Foreign { platform }));
        }
        if live.metadata.deletion_timestamp.is_some() {
            let Held { waiting, holder: _ } =
                Box::pin(held(self.server, &reference, live.finalizers())).await?;
            return Ok((reference, ObjectState::Leaving(waiting)));
        }
        if !unchanged::is_unchanged(object, &live)
            && let Some(state) = self.compare(object, &reference, &live).await?
        {
            return Ok((reference, state));
        }
        let unready = readiness::of(self.server, &reference, &live, &mut Earlier::default()).await?;
        Ok((reference, ObjectState::Same(unready.map(|unready| unready.waiting))))
    }

    /// Compares an object with the result of a dry run; `None` if they are the same.
    async fn compare(
        &self,
        object: &DynamicObject,
        reference: &ObjectRef,
        live: &DynamicObject,
    ) -> Result<Option<ObjectState>, Error> {
        let call = Call::new(CallVerb::Compare, reference).with_labels(object.labels());
        if let Some(broken) = self.broken.get()
            && let Some(webhook) = Box::pin(broken.hit(self.server.client, &call, live.labels())).await
        {
            return Ok(Some(ObjectState::Unknown(Reason::Webhook(webhook))));
        }
        let params = PatchParams { dry_run: true, ..inventory::apply_params() };
        let api = reference.api(self.server.client);
        let attempt = || async { if_there(api.patch(&reference.name, &params, &Patch::Apply(object)).await) };
        let applied = match self.server.call(&call, attempt).await {
            Ok(applied) => applied,
            Err(Error::Call(error)) => {
                let reason = self.reason(error).await?;
                return Ok(Some(ObjectState::Unknown(reason)));
            }
            Err(error) => return Err(error),
        };
        // The object was deleted between the two calls.
        let Some(applied) = applied else { return Ok(Some(ObjectState::Missing)) };
        let fields = compare::difference(live, &applied);
        Ok((!fields.is_empty()).then_some(ObjectState::Drifted(fields)))
    }

    /// Returns the reason of a failed dry run, or the error if the failure is not specific to the object.
    async fn reason(&self, error: CallError) -> Result<Reason, Error> {
        let CallError { what, object, class } = error;
        match *class {
            Class::Admission(refusal) => {
                self.broken.get_or_init(|| Broken::find(self.server.client)).await;
                Ok(match refusal.kind {
                    RefusalKind::Webhook(webhook) => Reason::Webhook(webhook),
                    RefusalKind::SuspectWebhooks(webhooks) => {
                        Reason::Webhooks { suspects: webhooks, answer: refusal.answer }
                    }
                    _ => Reason::Rejected(refusal.answer),
                })
            }
            Class::Forbidden(answer) | Class::Invalid(answer) | Class::Conflict(answer) => {
                Ok(Reason::Rejected(answer))
            }
            class => Err(CallError { what, object, class: Box::new(class) }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(namespace: Option<&str>) -> ObjectRef {
        ObjectRef::new("v1", "ConfigMap", namespace, "a")
    }

    #[test]
    fn object_leaves_with_its_namespace() {
        let going = [ObjectRef::namespace("n")];
        assert!(is_in_any(&reference(Some("n")), &going));
        assert!(!is_in_any(&reference(Some("other")), &going) && !is_in_any(&reference(None), &going));
        let object = reference(Some("n"));
        for state in [ObjectState::Same(None), ObjectState::Drifted(vec!["data".to_owned()])] {
            let ObjectState::Leaving(waiting) = state.in_leaving_namespace(&object) else { panic!() };
            assert_eq!(waiting.to_string(), "waiting for ConfigMap n/a: its namespace is being deleted");
        }
        let missing = ObjectState::Missing.in_leaving_namespace(&object);
        assert!(matches!(missing, ObjectState::Missing), "it is created after the namespace");
    }
}
