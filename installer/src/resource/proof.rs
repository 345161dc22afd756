//! The proof, as a step like any other: done once for each state of the releases, and written down in the cluster,
//! so that an interrupted run does it and an unchanged platform does not.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use devplat_keys::HostRefusal;
use devplat_kubernetes::{
    door::{Door, ssh::SshError},
    proof::{self, ProofError},
    release,
};
use devplat_render::ReleaseName;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ObjectMeta, Patch, PatchParams},
};

use super::{Progress, ResourceId, trial::TrialKey};
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    world::{Ingredients, World},
};

pub(super) const USUAL: Duration = Duration::from_secs(4);

/// Where it is written down what was proved.
const RECORD: &str = "devplat-proof";

/// The proof that a platform works.
#[derive(Clone)]
pub struct Proof {
    pub(super) ingredients: Arc<Ingredients>,
    pub(super) key: TrialKey,
}

impl Proof {
    #[expect(clippy::unused_self, reason = "like every other resource")]
    pub(super) fn needs(&self) -> Vec<ResourceId> {
        let releases = ReleaseName::ALL.into_iter().map(ResourceId::Release);
        releases.chain([ResourceId::Access, ResourceId::Trial]).collect()
    }

    pub(super) async fn observe(&self, world: &World) -> Result<Verdict, Failure> {
        observe(&self.ingredients, world).await
    }

    pub(super) async fn create(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        let client = world.client().await?;
        let tell = |waiting: &devplat_kubernetes::Waiting| progress.tell(waiting);
        let door = super::access::door_of(&self.ingredients, world)
            .await?
            .ok_or_else(|| Failure::new(Exit::PartWay, "the bastion has no address"))?;
        let host = match &door {
            Door::Address { host, .. } => host.clone(),
            Door::PortForward => "localhost".to_owned(),
        };
        let way = proof::Way { door: &door, host: &host };
        let key = self
            .key
            .get()
            .ok_or_else(|| Failure::new(Exit::Internal, "there is no dev server to prove it with"))?;
        proof::finish(&client, world.platform.as_str(), way, key, &tell)
            .await
            .map_err(|error| unproved(&error))?;
        let Some(digest) = digest(&self.ingredients)? else { return Ok(()) };
        let record = ConfigMap {
            metadata: ObjectMeta {
                name: Some(RECORD.to_owned()),
                labels: Some(BTreeMap::from([
                    ("app.kubernetes.io/managed-by".to_owned(), "devplat".to_owned()),
                    (release::PLATFORM_LABEL.to_owned(), world.platform.to_string()),
                ])),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([("digest".to_owned(), digest)])),
            ..ConfigMap::default()
        };
        let records: Api<ConfigMap> = Api::namespaced(client, release::NAMESPACE);
        let params = PatchParams::apply(release::FIELD_MANAGER).force();
        records
            .patch(RECORD, &params, &Patch::Apply(&record))
            .await
            .map(|_| ())
            .map_err(|error| read_failed(&error))
    }
}

/// Whether this very platform was proved.
pub(super) async fn observe(ingredients: &Ingredients, world: &World) -> Result<Verdict, Failure> {
    let Some(digest) = digest(ingredients)? else { return Ok(Verdict::Absent) };
    let records: Api<ConfigMap> = Api::namespaced(world.client().await?, release::NAMESPACE);
    let record = records.get_opt(RECORD).await.map_err(|error| read_failed(&error))?;
    let proved = record.and_then(|record| record.data?.remove("digest"));
    Ok(match proved {
        Some(proved) if proved == digest => Verdict::Same,
        Some(_) => Verdict::Differs(vec!["what was proved has changed".to_owned()]),
        None => Verdict::Absent,
    })
}

/// What is proved: these very releases.
fn digest(ingredients: &Ingredients) -> Result<Option<String>, Failure> {
    let mut all = Vec::new();
    for name in ReleaseName::ALL {
        let Some(release) = ingredients.release(name)? else { return Ok(None) };
        all.extend(release.objects);
    }
    Ok(Some(devplat_render::digest(&all)))
}

pub(super) fn unproved(error: &ProofError) -> Failure {
    let failure =
        Failure::of(Exit::PartWay, error).while_doing("the platform is installed but does not work");
    // The address of a load balancer is known only once it is there.
    if let ProofError::Ssh { user: _, source: SshError::Host(HostRefusal::Name { wanted, given: _ }) } = error
    {
        return failure.hint(format!(
            "put {wanted} into bastion.hostNames of the profile, then run `devplat up` again"
        ));
    }
    failure.hint("`devplat status` tells what is not ready; the same command tries the proof again")
}

fn read_failed(error: &kube::Error) -> Failure {
    Failure::of(Exit::PartWay, error)
        .while_doing(format!("cannot read or write ConfigMap {}/{RECORD}", release::NAMESPACE))
        .hint("does the cluster answer? `devplat status` tells")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_that_the_host_certificate_lacks_is_told_with_where_it_belongs() {
        let wanted = "lb.example.com".to_owned();
        let source = SshError::Host(HostRefusal::Name { wanted, given: "localhost".to_owned() });
        let failure = unproved(&ProofError::Ssh { user: "devplat-proof".to_owned(), source });
        assert_eq!(
            failure.hints,
            ["put lb.example.com into bastion.hostNames of the profile, then run `devplat up` again"]
        );
    }
}
