//! Keeps the directory as the cluster has it. It only reads.

use std::{error::Error as StdError, fmt::Debug, sync::Arc};

use devplat_api::{DevServer, DevUser};
use futures::StreamExt;
use kube::{
    Api, Client, Resource,
    runtime::{WatchStreamExt, watcher, watcher::Event},
};
use serde::de::DeserializeOwned;

use super::{Directory, Server, User};

/// Objects in one page of a list: few, so that a start with thousands of servers stays small.
const PAGE: u32 = 50;

/// Goes on until it is dropped. While the API server is away, what was known stays.
pub async fn watch(client: Client, directory: Arc<Directory>) {
    let users = follow::<DevUser, User>(
        client.clone(),
        |user| directory.put_user(user),
        |user| directory.remove_user(&user.name),
        |users| directory.replace_users(users),
    );
    let servers = follow::<DevServer, Server>(
        client,
        |server| directory.put_server(server),
        |server| directory.remove_server(&server.namespace, &server.name),
        |servers| directory.replace_servers(servers),
    );
    tokio::join!(users, servers);
}

async fn follow<R, F>(client: Client, put: impl Fn(F), remove: impl Fn(F), replace: impl Fn(Vec<F>))
where
    R: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
    F: for<'a> From<&'a R>,
{
    let config = watcher::Config::default().page_size(PAGE);
    let mut events = watcher(Api::<R>::all(client), config).default_backoff().boxed();
    // What a list has given so far. Nobody is gone before it is complete.
    let mut listing = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listing.clear(),
            Ok(Event::InitApply(raw)) => listing.push(F::from(&raw)),
            Ok(Event::InitDone) => replace(std::mem::take(&mut listing)),
            Ok(Event::Apply(raw)) => put(F::from(&raw)),
            Ok(Event::Delete(raw)) => remove(F::from(&raw)),
            Err(error) => {
                tracing::warn!(kind = %R::kind(&()), error = &error as &dyn StdError, "watch interrupted");
            }
        }
    }
}
