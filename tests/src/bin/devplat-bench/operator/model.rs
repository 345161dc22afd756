//! The objects that the plain client creates.

use anyhow::{Context, Result};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{PersistentVolumeClaim, Secret, Service},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, ObjectMeta, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{constants::NAMESPACE, load};

/// The operator's objects of one dev server, as the model for copies.
pub(super) struct Model {
    deployment: Deployment,
    home: PersistentVolumeClaim,
    service: Service,
    keys: Secret,
}

impl Model {
    pub(super) async fn read(client: &Client) -> Result<Self> {
        let labelled = ListParams::default();
        let first =
            |list: Vec<Service>| list.into_iter().find(|service| service.name_any().starts_with("server-"));
        let services = Api::<Service>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let mut service = first(services.items).context("no service")?;
        if let Some(spec) = &mut service.spec {
            (spec.cluster_ip, spec.cluster_ips) = (None, None);
        }
        let deployment = Api::<Deployment>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let home =
            Api::<PersistentVolumeClaim>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let mut home = home.items.into_iter().next().context("no home")?;
        if let Some(spec) = &mut home.spec {
            spec.volume_name = None;
        }
        let deployment = deployment.items.into_iter().next().context("no Deployment")?;
        let keys = Api::<Secret>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let of_the_same =
            |secret: &Secret| secret.name_any().starts_with(&format!("{}-ssh-", deployment.name_any()));
        let keys = keys.items.into_iter().find(of_the_same).context("no keys")?;
        Ok(Self { deployment, home, service, keys })
    }

    /// Creates `count` copies of each object, with unique names.
    pub(super) async fn create(&self, client: &Client, count: usize) -> Result<()> {
        let old = self.deployment.name_any();
        load::each(count, |number| {
            let new = load::name(number);
            let (deployment, home, service, keys) = (
                named(&self.deployment, &old, &new),
                named(&self.home, &old, &new),
                named(&self.service, &old, &new),
                named(&self.keys, &old, &new),
            );
            async move {
                make(client, keys?).await?;
                make(client, home?).await?;
                make(client, service?).await?;
                make(client, deployment?).await
            }
        })
        .await
    }
}

/// Returns a copy of an object for another server, with the server's name replaced everywhere.
fn named<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned>(
    model: &K,
    old: &str,
    new: &str,
) -> Result<K> {
    let text = serde_json::to_string(model)?;
    let mut object: K = serde_json::from_str(&text.replace(&format!("\"{old}"), &format!("\"{new}")))?;
    let meta = object.meta();
    *object.meta_mut() = ObjectMeta {
        name: meta.name.clone(),
        namespace: Some(NAMESPACE.to_owned()),
        labels: meta.labels.clone(),
        ..ObjectMeta::default()
    };
    Ok(object)
}

async fn make<K>(client: &Client, object: K) -> Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    Api::namespaced(client.clone(), NAMESPACE).create(&PostParams::default(), &object).await?;
    Ok(())
}
