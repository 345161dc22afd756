//! Fetches the facts that a decision about a server depends on.

use std::sync::Arc;

use devplat_api::name;
use k8s_openapi::jiff::Timestamp;

use super::{
    super::snapshot::{ChildKind, Network, Snapshot},
    memory::Memory,
};
use crate::{
    child::Child,
    cluster::CallFailed,
    context::Context,
    observed::{Key, Owner, PolicyFacts, ServerFacts},
};

pub(super) async fn fetch(context: &Context, server: Arc<ServerFacts>) -> Result<Snapshot, CallFailed> {
    let Context { defaults, stores, .. } = context;
    let key = &server.key;
    let home = Key::new(&key.namespace, &format!("{}-home", key.name));
    let service = Key::new(&key.namespace, &format!("{}-ssh", key.name));
    let mine = |owner: &Option<String>| owner.as_deref() == Some(&server.uid);
    let Memory { written_generation, keys_made, failure, taken } =
        context.with_memory(|memory| memory.get(key).cloned().unwrap_or_default());
    // A server on its way out makes nothing, so nobody else's objects can be in its way.
    let makes = server.deleting.is_none();
    // What is to be made meets what has its name by itself, and is looked for after that. Not so the Deployment: it comes
    // last, and where it cannot come, nothing else should. Nor the NetworkPolicy: its rights are by name, so it is applied.
    let looks = |kind| makes && taken.contains(&kind);
    let (deployment, claim, service) = tokio::try_join!(
        Child::find(context, &stores.deployments, key, makes, |facts| mine(&facts.owner)),
        Child::find(context, &stores.claims, &home, looks(ChildKind::Home), |facts| facts.server.as_deref()
            == Some(&*key.name)),
        Child::find(
            context,
            &stores.services,
            &service,
            looks(ChildKind::Service) && server.spec.enable_ssh,
            |facts| mine(&facts.owner)
        ),
    )?;
    for (kind, free) in [
        (ChildKind::Deployment, !matches!(deployment, Child::Foreign)),
        (ChildKind::Home, !matches!(claim, Child::Foreign)),
        (ChildKind::Service, !matches!(service, Child::Foreign)),
    ] {
        if free && taken.contains(&kind) {
            context.with_memory(|memory| memory.entry(key.clone()).or_default().taken.remove(&kind));
        }
    }
    let network = network(context, key, makes).await?;
    let volume_made = claim.ours().and_then(|claim| context.volumes.last_made(claim));
    Ok(Snapshot {
        flavors: stores.flavors.all(),
        deployment,
        home: claim,
        service,
        network,
        pods: stores.pods.group(key),
        written_generation,
        keys_made,
        volume_made,
        failure,
        defaults: defaults.clone(),
        now: Timestamp::now(),
        server,
    })
}

/// What the namespace has for all servers in it, where it is no user's.
async fn network(context: &Context, key: &Key, looks: bool) -> Result<Option<Network>, CallFailed> {
    let stores = &context.stores;
    let place = Key::new(&key.namespace, name::NETWORK_POLICY);
    let of_user = |policy: Option<Arc<PolicyFacts>>| policy.is_some_and(|policy| policy.user.is_some());
    let users = stores.namespaces.get(&Key::cluster(&key.namespace));
    if users.is_some_and(|facts| facts.user.is_some()) || of_user(stores.policies.get(&place)) {
        return Ok(None);
    }
    let policy = Child::find(context, &stores.policies, &place, looks, |_| true).await?;
    let owners = policy.ours().map(|facts| &facts.servers[..]).unwrap_or_default();
    let mut servers: Vec<_> =
        owners.iter().filter_map(|owner| find_owner(context, &key.namespace, owner)).collect();
    // All of them, who may be thousands, only where a policy is to be written.
    if servers.is_empty() && !matches!(policy, Child::Foreign) {
        let here =
            |server: &Arc<ServerFacts>| server.key.namespace == key.namespace && server.deleting.is_none();
        servers = stores.servers.all().into_iter().filter(here).collect();
    }
    Ok(Some(Network { policy, servers }))
}

/// The server that it is, if that is there to stay.
fn find_owner(context: &Context, namespace: &str, owner: &Owner) -> Option<Arc<ServerFacts>> {
    let server = context.stores.servers.get(&Key::new(namespace, &owner.name))?;
    (server.uid == owner.uid && server.deleting.is_none()).then_some(server)
}
