//! A release: objects in the cluster that are applied together.

use std::{sync::Arc, time::Duration};

use devplat_api::{Slug, name};
use devplat_kubernetes::{
    admission::{self, AdmissionRefusal, PodTrial, RefusalKind},
    proof,
    release::{self, DataLoss, State},
};
use devplat_plan::{
    Action, Change, Edges, Facts, Id, KindName, Owner, Physical, State as Condition, Verdict,
};
use devplat_profile::PodSecurity;
use devplat_render::{Images, ReleaseName};
use kube::Client;
use tokio::sync::OnceCell;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, edges,
    names::{BUILD, KEY, PROOF, PROOF_SERVER, RELEASE, USER_DATA, release_id},
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    context::PlatformContext,
};

/// How long a release may take to be ready, with pulls of images and starts of programs on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);
/// How long deleted objects may take to be gone.
const GONE_PATIENCE: Duration = Duration::from_mins(5);

/// A release.
#[derive(Clone)]
pub(crate) struct Release {
    name: ReleaseName,
    inputs: Arc<PlatformInputs>,
    /// The trial of the pods of all releases, which the first step of any release makes.
    tried: Arc<OnceCell<()>>,
}

/// The known facts of a release in the cluster.
#[derive(Debug, Clone)]
pub(crate) enum Fields {
    /// Compared with the wanted objects.
    Compared(Box<State>),
    /// Found, but not compared, because images or keys of the wanted objects do not exist yet.
    NotRendered,
    /// Found in a run without wanted releases, and not compared.
    Leftover,
}

impl ResourceKind for Release {
    const NAME: KindName = RELEASE;
    const GONE_FIRST: &'static [KindName] = &[USER_DATA, PROOF_SERVER, PROOF];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|release, cx| Box::pin(release.apply(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|release, cx| Box::pin(release.apply(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let tried: Arc<OnceCell<()>> = Arc::default();
        let release = |name| Self { name, inputs: Arc::clone(inputs), tried: Arc::clone(&tried) };
        Ok(ReleaseName::ALL.map(release).into())
    }

    fn id(&self) -> Id {
        release_id(self.name)
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        let mut needs = vec![cluster.clone()];
        needs.extend(self.name.needs().iter().map(|release| release_id(*release)));
        match self.name {
            ReleaseName::Operator => {
                let images = self.inputs.images().into_iter();
                needs.extend(images.map(|image| BUILD.named(image.as_str())));
                // Without the image in the nodes, the kubelet would try to pull it, fail, and back off.
                needs.push(edges::delivered(&self.inputs, devplat_image::ImageName::Operator));
                needs.extend(edges::pulled_through(&self.inputs));
            }
            ReleaseName::Bastion => {
                needs.push(edges::delivered(&self.inputs, devplat_image::ImageName::Bastion));
            }
            ReleaseName::Users => {
                let users = self.inputs.users_with_generated_keys();
                needs.extend(users.map(|user| KEY.named(user.as_str())));
            }
            ReleaseName::Crds | ReleaseName::Flavors => {}
        }
        Edges {
            needs,
            deleted_with: edges::deleted_with(&self.inputs),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(match self.name {
            ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Users => Duration::from_secs(2),
            ReleaseName::Operator | ReleaseName::Bastion => Duration::from_secs(6),
        })
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let client = context.client().await?;
        let wanted = wanted.of::<Self>();
        let recorded = release::names(&client, context.platform.as_str(), context).await?;
        let looks = wanted.iter().map(|release| async {
            let Some(rendered) = release.inputs.release(release.name)? else {
                let there = recorded.iter().any(|name| name == release.name.as_str());
                return Ok::<_, Failure>(there.then_some(Fields::NotRendered));
            };
            let state = release::observe(&client, &rendered, context).await?;
            Ok((state != State::Absent).then(|| Fields::Compared(Box::new(state))))
        });
        let looked = futures::future::try_join_all(looks).await?;
        let mut all: Vec<Seen<Self>> = wanted
            .iter()
            .zip(looked)
            .filter_map(|(release, fields)| Some(seen(release.name.as_str(), fields?, context)))
            .collect();
        let others = recorded.iter().filter(|name| wanted.iter().all(|one| one.name.as_str() != *name));
        all.extend(others.map(|name| seen(name, Fields::Leftover, context)));
        Ok(all)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let state = match &seen.fields {
            Fields::Compared(state) => state,
            Fields::NotRendered => {
                return Verdict::Differs(vec![Change::in_place("its images or keys are created first")]);
            }
            Fields::Leftover => return Verdict::Unknown("not compared".to_owned()),
        };
        match &**state {
            State::Absent | State::Foreign(_) => Verdict::Unknown("not compared".to_owned()),
            State::Leaving(waiting) => {
                Verdict::Differs(waiting.iter().map(|one| Change::in_place(one.to_string())).collect())
            }
            State::Present { missing, drifted, surplus, unknown, recorded, not_ready } => {
                let mut changes: Vec<Change> =
                    missing.iter().map(|object| Change::in_place(format!("{object} is missing"))).collect();
                changes.extend(drifted.iter().map(|drift| {
                    Change::in_place(format!("{} differs in {}", drift.object, drift.fields.join(", ")))
                }));
                changes.extend(
                    surplus.iter().map(|object| Change::in_place(format!("{object} is no longer wanted"))),
                );
                if !recorded && changes.is_empty() && unknown.is_empty() {
                    changes.push(Change::in_place("it was not applied completely"));
                }
                changes.extend(not_ready.iter().map(|waiting| Change::in_place(waiting.to_string())));
                match (changes.is_empty(), unknown.first()) {
                    (true, None) => Verdict::Same,
                    (true, Some((object, why))) => Verdict::Unknown(format!("{object} {why}")),
                    (false, _) => Verdict::Differs(changes),
                }
            }
        }
    }

    async fn settle(&self, cx: &Cx) -> Result<(), Failure> {
        let client = cx.context.client().await?;
        Ok(release::wait_ready(&client, &self.rendered()?, PATIENCE, cx).await?)
    }
}

impl Release {
    async fn apply(&self, cx: &Cx) -> Result<Physical, Failure> {
        let client = cx.context.client().await?;
        let rendered = self.rendered()?;
        let physical = Physical(format!("devplat-release-{}", self.name));
        self.tried.get_or_try_init(|| Box::pin(self.try_pods(&client, cx))).await?;
        let marked = release::Release { account: Some(cx.context.account.to_string()), ..rendered };
        release::apply(&client, &marked, cx).await?;
        Ok(physical)
    }

    /// Fails before the first object of any release is applied if the cluster would reject pods of the platform, with all
    /// rejections. An installation also tries the pod of a dev server: with the default flavor, in a namespace with the
    /// labels that the operator sets.
    async fn try_pods(&self, client: &Client, cx: &Cx) -> Result<(), Failure> {
        let images = self.inputs.future_references()?;
        let mut trials = release::trials(client, &self.inputs.future_releases(&images)?, cx).await?;
        if self.name == ReleaseName::Crds {
            trials.extend(self.dev_server(&images)?);
        }
        let Judged { remarks, failure } = judge(admission::try_pods(client, &trials, cx).await?);
        for remark in &remarks {
            cx.remark(remark);
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn dev_server(&self, images: &Images) -> Result<Option<PodTrial>, Failure> {
        let servers = &self.inputs.profile.dev_servers;
        let Some(flavor) = self.inputs.profile.flavors.get(&servers.default_flavor) else { return Ok(None) };
        let resources = serde_json::to_value(&flavor.resources).and_then(serde_json::from_value);
        let resources = resources.map_err(|error| Failure::of(Exit::Internal, &error))?;
        let level = match servers.pod_security {
            PodSecurity::Privileged => Some("privileged"),
            PodSecurity::Baseline => Some("baseline"),
            PodSecurity::Unlabelled => None,
        };
        let labels =
            level.map(|level| (name::POD_SECURITY_LABEL.to_owned(), level.to_owned())).into_iter().collect();
        let namespace = Slug::of(proof::NAME).namespace();
        let Images { operator: _, bastion: _, agent, dev_server } = images;
        Ok(Some(PodTrial::dev_server(&namespace, labels, resources, dev_server, agent)))
    }

    fn rendered(&self) -> Result<release::Release, Failure> {
        self.inputs.release(self.name)?.ok_or_else(|| {
            Failure::new(Exit::PartWay, format!("images or keys of release {} no longer exist", self.name))
                .hint("run the same command again, which creates them again")
        })
    }
}

/// The effect of rejected trials on the run.
struct Judged {
    remarks: Vec<String>,
    failure: Option<Failure>,
}

/// Judges rejections of trials. A webhook may deny only dry runs, so its denial is a remark, and the pods themselves
/// decide.
fn judge(refusals: Vec<AdmissionRefusal>) -> Judged {
    let (denied, refused): (Vec<_>, Vec<_>) =
        refusals.into_iter().partition(|refusal| refusal.kind == RefusalKind::WebhookDenied);
    let remarks = denied.iter().map(|refusal| format!("in a dry run, {refusal}")).collect();
    if refused.is_empty() {
        return Judged { remarks, failure: None };
    }
    let mut failure = Failure::new(Exit::Missing, "the cluster rejects devplat's pods");
    for refusal in refused {
        failure.causes.push(refusal.to_string());
        for hint in refusal.hints() {
            if !failure.hints.contains(&hint) {
                failure.hints.push(hint);
            }
        }
    }
    Judged { remarks, failure: Some(failure) }
}

fn seen(name: &str, fields: Fields, context: &PlatformContext) -> Seen<Release> {
    let faults: Vec<String> = match &fields {
        Fields::Compared(state) => match &**state {
            State::Present { not_ready, .. } => not_ready.iter().map(ToString::to_string).collect(),
            State::Absent | State::Foreign(_) | State::Leaving(_) => Vec::new(),
        },
        Fields::NotRendered | Fields::Leftover => Vec::new(),
    };
    let owner = match &fields {
        Fields::Compared(state) => match &**state {
            State::Foreign(objects) => {
                let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
                Owner::stranger(format!("its name is taken by {}", names.join(", ")))
            }
            State::Absent | State::Leaving(_) | State::Present { .. } => Owner::Ours,
        },
        Fields::NotRendered | Fields::Leftover => Owner::Ours,
    };
    let leaving = matches!(&fields, Fields::Compared(state) if matches!(**state, State::Leaving(_)));
    let known = ReleaseName::ALL.into_iter().find(|known| known.as_str() == name);
    // A release is deleted after the releases that need it; releases that this version does not know are deleted first.
    let needing =
        ReleaseName::ALL.into_iter().filter(|other| known.is_some_and(|known| rests_on(*other, known)));
    let deletion = Facts::lasting(Duration::from_secs(4));
    let seen = Seen::ours(RELEASE.named(name), format!("devplat-release-{name}"), fields, Some(()));
    let state = if leaving {
        Condition::Leaving
    } else if faults.is_empty() {
        Condition::Ready
    } else {
        Condition::Degraded(faults)
    };
    Seen {
        owner,
        state,
        deleted_with: edges::deleted_with_of(context),
        gone_first: needing.map(release_id).collect(),
        deletion,
        ..seen
    }
}

/// Returns whether `release` needs `base`, directly or through another one.
fn rests_on(release: ReleaseName, base: ReleaseName) -> bool {
    release.needs().iter().any(|need| *need == base || rests_on(*need, base))
}

async fn delete(seen: &Seen<Release>, cx: &Cx) -> Result<(), Failure> {
    let client = cx.context.client().await?;
    let (platform, name) = (cx.context.platform.as_str(), seen.id.name().as_str());
    // The plan ensures that users' objects are already deleted, or that their loss is allowed.
    Ok(release::remove(&client, platform, name, DataLoss::Allowed, GONE_PATIENCE, cx).await?)
}

impl Release {
    /// Returns the rendered release; `None` while images or keys that it names do not exist yet.
    pub(super) fn rendered_if_possible(&self) -> Result<Option<release::Release>, Failure> {
        self.inputs.release(self.name)
    }
}

#[cfg(test)]
mod tests {
    use devplat_kubernetes::{ObjectRef, Waiting, call::Answer};

    use super::*;
    use crate::context::testing::context;

    fn refusal(namespace: &str, kind: RefusalKind) -> AdmissionRefusal {
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: "devplat-trial".to_owned(),
        };
        let answer =
            Answer { code: 403, reason: "Forbidden".to_owned(), message: "no".to_owned(), resource: None };
        AdmissionRefusal { object, kind, answer }
    }

    #[test]
    fn every_rejection_is_a_cause_with_its_remedy() {
        let quota = RefusalKind::ResourceQuota { name: "team".to_owned(), resource: "limits.cpu".to_owned() };
        let Judged { remarks, failure } = judge(vec![
            refusal("a", quota),
            refusal("b", RefusalKind::PodSecurity),
            refusal("b", RefusalKind::PodSecurity),
        ]);
        assert_eq!(remarks, [""; 0]);
        let failure = failure.unwrap();
        assert_eq!(failure.exit, Exit::Missing);
        assert_eq!(failure.causes.len(), 3);
        assert!(
            failure.causes[0].starts_with("ResourceQuota team rejects Pod a/devplat-trial for limits.cpu")
        );
        assert!(failure.causes[1].starts_with("Pod Security rejects Pod b/devplat-trial"));
        assert_eq!(failure.hints.len(), 2, "{:?}", failure.hints);
        assert!(failure.hints[0].contains("operator.resources"), "{:?}", failure.hints);
    }

    #[test]
    fn release_whose_objects_are_being_deleted_is_leaving() {
        let folder = tempfile::tempdir().unwrap();
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: "devserver-bastion".to_owned(),
        };
        let waiting = Waiting { object, progress: "being deleted".to_owned(), reason: None };
        let state = |state: State| {
            let fields = Fields::Compared(Box::new(state));
            seen("bastion", fields, &context(folder.path())).state
        };
        assert_eq!(state(State::Leaving(vec![waiting.clone()])), Condition::Leaving);
        let present = State::Present {
            missing: Vec::new(),
            drifted: Vec::new(),
            unknown: Vec::new(),
            surplus: Vec::new(),
            recorded: true,
            not_ready: vec![waiting],
        };
        let fault = "waiting for Namespace devserver-bastion: being deleted";
        assert_eq!(state(present), Condition::Degraded(vec![fault.to_owned()]));
    }

    #[test]
    fn denial_of_a_trial_by_a_webhook_is_only_a_remark() {
        let Judged { remarks, failure } = judge(vec![refusal("a", RefusalKind::WebhookDenied)]);
        assert_eq!(failure, None);
        let text = "in a dry run, an admission webhook rejects Pod a/devplat-trial: the API server answered 403 \
                    Forbidden: no";
        assert_eq!(remarks, [text]);
        let both = judge(vec![refusal("a", RefusalKind::WebhookDenied), refusal("a", RefusalKind::Other)]);
        assert_eq!((both.remarks.len(), both.failure.map(|failure| failure.causes.len())), (1, Some(1)));
    }
}
