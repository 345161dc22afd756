//! The proof that the platform works, as a step. It runs once for each state of the releases and is recorded in the
//! cluster, so that an interrupted proof is repeated and an unchanged platform is not proved again.

use std::{sync::Arc, time::Duration};

use devplat_kubernetes::{ObjectRef, bastion::Route, proof, release as kubernetes_release};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_render::ReleaseName;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, edges,
    names::{PROOF, PROOF_SERVER, SSH_CONFIG, release_id},
    ssh_config,
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
};

/// The proof that a platform works.
#[derive(Clone)]
pub(crate) struct Proof {
    inputs: Arc<PlatformInputs>,
}

/// The result of the last proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proved {
    /// Exactly these releases were proved.
    AsItIs,
    /// Other releases were proved, before a change.
    Before,
    /// A proof is recorded, but images or keys that the releases name do not exist on this machine, so that it is unknown
    /// whether it is of these releases.
    Unknown,
    /// These releases were proved, and the nodes were restarted since.
    BeforeRestart,
    /// The platform was never proved, or its last proof failed.
    Never,
}

impl Proved {
    /// Returns the verdict on a resource that was made for the last proof.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::AsItIs => Verdict::Same,
            Self::Before => differs("the releases have changed since the last proof"),
            Self::Unknown => {
                differs("the last proof may be of other images or keys: this machine lacks some")
            }
            Self::Never => differs("never proved"),
            // The objects in the cluster still show the state from before the restart.
            Self::BeforeRestart => differs("the nodes were restarted since the last proof"),
        }
    }
}

fn differs(why: &str) -> Verdict {
    Verdict::Differs(vec![Change::in_place(why)])
}

impl ResourceKind for Proof {
    const NAME: super::KindWith<Self::Output> = PROOF;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|proof, cx| Box::pin(proof.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|proof, cx| Box::pin(proof.create(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Proved;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(vec![Self { inputs: Arc::clone(inputs) }])
    }

    fn id(&self) -> Id {
        PROOF.single()
    }

    fn edges(&self) -> Edges {
        let releases = ReleaseName::ALL.into_iter().map(release_id);
        let needs = releases.chain([SSH_CONFIG.single(), PROOF_SERVER.single()]).collect();
        let cluster = CLUSTER.single();
        Edges { needs, deleted_with: Some(cluster.clone()), seen_through: Some(cluster), ..Edges::default() }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(4))
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let proved = match wanted.of::<Self>().pop() {
            Some(proof) => proved(&proof.inputs, context).await?,
            None => match recorded(context).await? {
                Some(_) => Proved::Before,
                None => Proved::Never,
            },
        };
        if proved == Proved::Never {
            return Ok(Vec::new());
        }
        let seen = Seen::ours(PROOF.single(), physical().0, proved, Some(()));
        Ok(vec![Seen { deleted_with: edges::deleted_with_of(context), ..seen }])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        seen.fields.verdict()
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl Proof {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let server = cx.context.outputs.single(PROOF_SERVER);
        let Some(begun) = server.as_ref().and_then(|begun| begun.get()) else {
            return without_server(proved(&self.inputs, &cx.context).await?);
        };
        let (client, platform) = (cx.context.client().await?, cx.context.platform.as_str());
        let route = ssh_config::route(&self.inputs, &cx.context)
            .await?
            .ok_or_else(|| Failure::new(Exit::PartWay, "the bastion has no address"))?;
        let host = match &route {
            Route::Address { host, .. } => host.clone(),
            Route::PortForward => "localhost".to_owned(),
        };
        let digest = digest(&self.inputs)?.ok_or_else(|| {
            Failure::new(Exit::PartWay, "images or keys of the platform no longer exist")
                .hint("run the same command again, which creates them again")
        })?;
        let clock = cx.context.clock();
        let bastion = proof::BastionAddress { route: &route, host: &host, clock: &clock };
        let started = started(&cx.context);
        let outcome = proof::finish(&client, platform, bastion, begun, cx).await;
        let policies = outcome.map_err(|error| unproved(&error, cx))?;
        cx.context.keep_enforcement(policies);
        let deployments = Some(proof::identities(&client, &deployments(&self.inputs)?, cx).await?.ok_or_else(|| {
            Failure::new(Exit::PartWay, "the operator or the bastion was deleted during the proof")
                .hint("run the same command again, which creates it again and proves it")
        })?);
        let record = proof::ProofRecord { digest, started, deployments, policies };
        proof::record(&client, platform, &record, cx).await?;
        Ok(physical())
    }
}

/// Returns the outcome of a proof without a dev server. Its step creates none if the platform is again in the state of
/// the last proof, such as after a lost image is assembled again with the same digest.
fn without_server(proved: Proved) -> Result<Physical, Failure> {
    match proved {
        Proved::AsItIs => Ok(physical()),
        Proved::Before | Proved::Unknown | Proved::BeforeRestart | Proved::Never => {
            Err(Failure::new(Exit::PartWay, "there is no dev server to prove the platform with")
                .hint("run the same command again: it creates one"))
        }
    }
}

/// Returns the name of the record in the cluster.
fn physical() -> Physical {
    Physical(proof::record_ref().to_string())
}

/// Reads the result of the last proof.
pub(super) async fn proved(inputs: &PlatformInputs, context: &PlatformContext) -> Result<Proved, Failure> {
    let client = context.client().await?;
    let deployments = deployments(inputs)?;
    let (recorded, deployments) = futures::try_join!(recorded(context), async {
        Ok(proof::identities(&client, &deployments, context).await?)
    })?;
    let live = digest(inputs)?.map(|digest| PlatformState { digest, started: started(context), deployments });
    Ok(judge(recorded, live))
}

/// The platform as it is, to be compared with a record.
struct PlatformState {
    digest: String,
    started: Option<String>,
    /// `None` if one of the Deployments is absent or leaves.
    deployments: Option<String>,
}

/// Compares the record with the platform; `None` if the releases cannot be rendered.
fn judge(recorded: Option<proof::ProofRecord>, live: Option<PlatformState>) -> Proved {
    let Some(proof::ProofRecord { digest, started, deployments, policies: _ }) = recorded else {
        return Proved::Never;
    };
    let Some(live) = live else { return Proved::Unknown };
    // Records of an older devplat lack some of these.
    let replaced = deployments.is_some_and(|was| live.deployments != Some(was));
    let restarted = started.zip(live.started).is_some_and(|(was, now)| was != now);
    if digest != live.digest || replaced {
        Proved::Before
    } else if restarted {
        Proved::BeforeRestart
    } else {
        Proved::AsItIs
    }
}

/// Returns the Deployments of the releases, as far as these can be rendered.
fn deployments(inputs: &PlatformInputs) -> Result<Vec<ObjectRef>, Failure> {
    let mut all = Vec::new();
    for name in ReleaseName::ALL {
        let objects = inputs.release(name)?.map(|release| release.objects).unwrap_or_default();
        all.extend(objects.iter().map(ObjectRef::of).filter(|object| object.kind == "Deployment"));
    }
    Ok(all)
}

fn started(context: &PlatformContext) -> Option<String> {
    context.cluster().and_then(|access| access.started)
}

async fn recorded(context: &PlatformContext) -> Result<Option<proof::ProofRecord>, Failure> {
    let recorded = proof::recorded(&context.client().await?, context).await?;
    context.keep_enforcement(recorded.as_ref().and_then(|recorded| recorded.policies));
    Ok(recorded)
}

/// Returns the digest of the releases, which the proof records.
fn digest(inputs: &PlatformInputs) -> Result<Option<String>, Failure> {
    let mut all = Vec::new();
    for name in ReleaseName::ALL {
        let Some(kubernetes_release::Release { objects, .. }) = inputs.release(name)? else {
            return Ok(None);
        };
        all.extend(objects);
    }
    Ok(Some(devplat_render::digest(&all)))
}

/// Converts the failure of the second half of the proof, which begins when all releases are ready.
fn unproved(error: &proof::ProofError, cx: &Cx) -> Failure {
    let failure = Failure::of_proof(error, &cx.context.command_lines());
    failure.while_doing("the platform is installed but does not work")
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let client = cx.context.client().await?;
    Ok(proof::forget(&client, cx.context.platform.as_str(), cx).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_without_a_server_succeeds_only_if_the_record_covers_the_platform() {
        let record = Physical("ConfigMap devplat-system/devplat-proof".to_owned());
        assert_eq!(without_server(Proved::AsItIs), Ok(record));
        for unproved in [Proved::Before, Proved::Unknown, Proved::BeforeRestart, Proved::Never] {
            let failure = without_server(unproved).unwrap_err();
            assert_eq!(failure.exit, Exit::PartWay, "{failure:?}");
        }
    }

    fn record(started: Option<&str>, deployments: Option<&str>) -> proof::ProofRecord {
        let (started, deployments) = (started.map(str::to_owned), deployments.map(str::to_owned));
        proof::ProofRecord { digest: "releases".to_owned(), started, deployments, policies: None }
    }

    fn live(digest: &str, started: Option<&str>, deployments: Option<&str>) -> PlatformState {
        let (started, deployments) = (started.map(str::to_owned), deployments.map(str::to_owned));
        PlatformState { digest: digest.to_owned(), started, deployments }
    }

    #[test]
    fn restart_of_the_nodes_needs_another_proof() {
        let recorded = || Some(record(Some("a"), Some("1 2")));
        let at = |digest: &str, started| judge(recorded(), Some(live(digest, started, Some("1 2"))));
        assert_eq!(at("releases", Some("a")), Proved::AsItIs);
        assert_eq!(at("releases", Some("b")), Proved::BeforeRestart);
        assert_eq!(at("others", Some("b")), Proved::Before);
        assert_eq!(at("releases", None), Proved::AsItIs, "a cluster whose nodes are not devplat's");
        assert_eq!(judge(recorded(), None), Proved::Unknown, "a lost state folder");
        assert_eq!(judge(None, Some(live("releases", Some("a"), Some("1 2")))), Proved::Never);
    }

    #[test]
    fn bastion_that_was_created_again_needs_another_proof() {
        let with = |deployments| {
            judge(Some(record(None, Some("1 2"))), Some(live("releases", None, deployments)))
        };
        for deployments in [Some("1 3"), None] {
            assert_eq!(with(deployments), Proved::Before);
        }
        assert_eq!(with(Some("1 2")), Proved::AsItIs);
    }

    #[test]
    fn record_of_an_older_devplat_proves_what_it_names() {
        for now in [live("releases", Some("b"), Some("1 2")), live("releases", None, None)] {
            assert_eq!(judge(Some(record(None, None)), Some(now)), Proved::AsItIs);
        }
    }
}
