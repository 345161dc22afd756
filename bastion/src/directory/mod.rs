//! Who there is and which dev servers they have, as far as a login needs it. Kept in memory, so that logins go on while
//! the API server is away. It holds facts; it decides nothing.

mod facts;
pub mod watch;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, RwLock},
};

use tokio::sync::watch as latest;

pub use facts::{Readiness, Server, User};

/// Users by name; servers by namespace and name.
#[derive(Debug, Default)]
struct Contents {
    users: HashMap<String, Arc<User>>,
    servers: HashMap<String, BTreeMap<String, Arc<Server>>>,
}

/// A live view of users and their servers.
#[derive(Debug)]
pub struct Directory {
    contents: RwLock<Contents>,
    /// Which of both kinds were listed once.
    listed: latest::Sender<Listed>,
    /// Counts changes of users, so that open sessions look whether they may go on.
    users: latest::Sender<u64>,
    /// Counts changes of servers, for those who wait for one.
    servers: latest::Sender<u64>,
}

/// Which kinds were listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listed {
    /// DevUsers.
    pub users: bool,
    /// DevServers.
    pub servers: bool,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            contents: RwLock::default(),
            listed: latest::Sender::new(Listed::default()),
            users: latest::Sender::new(0),
            servers: latest::Sender::new(0),
        }
    }
}

impl Directory {
    /// One that has exactly these, without a cluster behind it.
    pub fn of(users: impl IntoIterator<Item = User>, servers: impl IntoIterator<Item = Server>) -> Self {
        let directory = Self::default();
        directory.replace_users(users);
        directory.replace_servers(servers);
        directory
    }

    /// Whether everything was listed once.
    pub fn is_complete(&self) -> bool {
        *self.listed.borrow() == Listed { users: true, servers: true }
    }

    /// Returns once everything was listed.
    pub async fn completed(&self) {
        let mut listed = self.listed.subscribe();
        // The sender is ours, so it is there as long as we are.
        let _ = listed.wait_for(|listed| listed.users && listed.servers).await;
    }

    /// The user of that name.
    pub fn user(&self, name: &str) -> Option<Arc<User>> {
        self.read(|contents| contents.users.get(name).cloned())
    }

    /// The server of that name in that namespace.
    pub fn server(&self, namespace: &str, name: &str) -> Option<Arc<Server>> {
        self.read(|contents| contents.servers.get(namespace)?.get(name).cloned())
    }

    /// Names of the servers in a namespace.
    pub fn names(&self, namespace: &str) -> Vec<String> {
        self.read(|contents| {
            contents.servers.get(namespace).map_or_else(Vec::new, |servers| servers.keys().cloned().collect())
        })
    }

    /// Tells of each change of users.
    pub fn watch_users(&self) -> latest::Receiver<u64> {
        self.users.subscribe()
    }

    /// Tells of each change of servers.
    pub fn watch_servers(&self) -> latest::Receiver<u64> {
        self.servers.subscribe()
    }

    /// Adds a user, or changes one.
    pub fn put_user(&self, user: User) {
        self.change(&self.users, |contents| {
            contents.users.insert(user.name.clone(), Arc::new(user));
        });
    }

    /// Forgets a user.
    pub fn remove_user(&self, name: &str) {
        self.change(&self.users, |contents| {
            contents.users.remove(name);
        });
    }

    /// These users and no others.
    pub fn replace_users(&self, users: impl IntoIterator<Item = User>) {
        let users = users.into_iter().map(|user| (user.name.clone(), Arc::new(user))).collect();
        self.change(&self.users, |contents| contents.users = users);
        self.listed.send_modify(|listed| listed.users = true);
    }

    /// Adds a server, or changes one.
    pub fn put_server(&self, server: Server) {
        self.change(&self.servers, |contents| {
            let servers = contents.servers.entry(server.namespace.clone()).or_default();
            servers.insert(server.name.clone(), Arc::new(server));
        });
    }

    /// Forgets a server.
    pub fn remove_server(&self, namespace: &str, name: &str) {
        self.change(&self.servers, |contents| {
            if let Some(servers) = contents.servers.get_mut(namespace) {
                servers.remove(name);
                if servers.is_empty() {
                    contents.servers.remove(namespace);
                }
            }
        });
    }

    /// These servers and no others.
    pub fn replace_servers(&self, servers: impl IntoIterator<Item = Server>) {
        let mut all: HashMap<String, BTreeMap<String, Arc<Server>>> = HashMap::new();
        for server in servers {
            let entry = all.entry(server.namespace.clone()).or_default();
            entry.insert(server.name.clone(), Arc::new(server));
        }
        self.change(&self.servers, |contents| contents.servers = all);
        self.listed.send_modify(|listed| listed.servers = true);
    }

    fn read<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        look(&self.contents.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn change(&self, counter: &latest::Sender<u64>, change: impl FnOnce(&mut Contents)) {
        change(&mut self.contents.write().unwrap_or_else(std::sync::PoisonError::into_inner));
        counter.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(namespace: &str, name: &str) -> Server {
        Server { namespace: namespace.into(), name: name.into(), readiness: Readiness::Terminating }
    }

    #[test]
    fn it_is_complete_once_both_kinds_were_listed() {
        let directory = Directory::default();
        assert!(!directory.is_complete());
        directory.replace_users([]);
        assert!(!directory.is_complete());
        directory.replace_servers([]);
        assert!(directory.is_complete());
    }

    #[test]
    fn a_list_takes_away_what_is_not_in_it() {
        let directory = Directory::of([User::new("alice", &[])], [server("dev-alice", "a")]);
        directory.replace_users([User::new("bob", &[])]);
        directory.replace_servers([server("dev-bob", "b")]);
        assert!(directory.user("alice").is_none() && directory.user("bob").is_some());
        assert!(directory.server("dev-alice", "a").is_none());
        assert_eq!(directory.names("dev-bob"), ["b"]);
    }

    #[test]
    fn whoever_watches_hears_of_a_change() {
        let directory = Directory::of([User::new("alice", &[])], []);
        let mut users = directory.watch_users();
        users.mark_unchanged();
        directory.remove_user("alice");
        assert!(users.has_changed().unwrap());
    }
}
