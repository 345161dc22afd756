//! The marks of Docker objects: labels or mounts that name their platform and the account that created them.

use std::collections::BTreeMap;

use super::account::Account;
use crate::docker::{Container, ListedContainer};

/// The label with the platform's name, on k3d's nodes and on every Docker object that devplat itself creates.
pub const PLATFORM_LABEL: &str = "dev.devplat.platform";
/// The label with the account that created the object, as `UID:USER`.
pub const ACCOUNT_LABEL: &str = "dev.devplat.account";
/// The folder in a kind node whose mount of `/dev/null` is named after the platform. kind cannot set labels; a mount is
/// set by the creating call and visible through Docker's API, whether the node is running or not.
pub const OWNER_FOLDER: &str = "/etc/devplat/owner";
/// The folder in a kind node whose mount is named after the account that created it, as `UID-USER`.
pub const ACCOUNT_FOLDER: &str = "/etc/devplat/account";

/// The mark of a Docker object: its platform and the account that created it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The platform's name.
    pub platform: String,
    /// The account that created it; `None` for objects of an older devplat.
    pub account: Option<Account>,
}

impl Mark {
    /// Returns the labels that name the owner.
    pub fn labels(&self) -> Vec<(String, String)> {
        let account = self.account.iter().map(|account| (ACCOUNT_LABEL.to_owned(), account.to_string()));
        [(PLATFORM_LABEL.to_owned(), self.platform.clone())].into_iter().chain(account).collect()
    }

    /// Reads the owner from labels; `None` if they are not devplat's.
    pub fn of_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        let platform = labels.get(PLATFORM_LABEL)?.clone();
        Self::read(platform, labels.get(ACCOUNT_LABEL).map(String::as_str), ':')
    }

    /// Reads the account, if there is one; `None` if devplat would not have written it.
    fn read(platform: String, account: Option<&str>, between: char) -> Option<Self> {
        let account = match account {
            Some(text) => Some(Account::parse(text, between)?),
            None => None,
        };
        Some(Self { platform, account })
    }

    /// Reads the owner of a kind or k3d node; `None` if it is not devplat's.
    pub fn of_node(node: &Container) -> Option<Self> {
        Self::of_container(&node.labels, &node.mounts)
    }

    /// Reads the owner of a container in the engine's list; `None` if it is not devplat's.
    pub fn of_listed(listed: &ListedContainer) -> Option<Self> {
        Self::of_container(&listed.labels, &listed.mounts)
    }

    fn of_container(labels: &BTreeMap<String, String>, mounts: &[String]) -> Option<Self> {
        Self::of_labels(labels).or_else(|| {
            let below = |folder: &str| {
                mounts
                    .iter()
                    .find_map(|place| place.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned))
            };
            Self::read(below(OWNER_FOLDER)?, below(ACCOUNT_FOLDER).as_deref(), '-')
        })
    }

    /// Returns the mount points in a kind node that name the owner.
    pub(super) fn marks(&self) -> Vec<String> {
        let account = self.account.iter();
        let account = account.map(|Account { uid, name }| format!("{ACCOUNT_FOLDER}/{uid}-{name}"));
        [format!("{OWNER_FOLDER}/{}", self.platform)].into_iter().chain(account).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::account::LONGEST_NAME;

    fn owner() -> Mark {
        let account = Some(Account { uid: 1000, name: "ada-b".to_owned() });
        Mark { platform: "team-a".to_owned(), account }
    }

    #[test]
    fn owner_reads_back_from_labels_and_from_mounts() {
        let labels: BTreeMap<String, String> = owner().labels().into_iter().collect();
        assert_eq!(labels[ACCOUNT_LABEL], "1000:ada-b");
        assert_eq!(Mark::of_labels(&labels), Some(owner()));
        let node = Container { mounts: owner().marks(), ..Container::default() };
        assert_eq!(node.mounts[1], "/etc/devplat/account/1000-ada-b");
        assert_eq!(Mark::of_node(&node), Some(owner()));
    }

    #[test]
    fn older_node_has_no_account_and_a_foreign_node_no_owner() {
        let mounts = vec!["/var".to_owned(), "/etc/devplat/owner/team-a".to_owned()];
        let node = Container { mounts, ..Container::default() };
        assert_eq!(Mark::of_node(&node), Some(Mark { platform: "team-a".to_owned(), account: None }));
        assert_eq!(Mark::of_node(&Container::default()), None);
    }

    #[test]
    fn mark_with_an_unreadable_account_is_not_ours() {
        let long = format!("1:{}", "a".repeat(LONGEST_NAME + 1));
        for account in ["4242", "4242:", "x:ada", "-1:ada", "1:a\nb", "1:a\u{1b}[2Jb", "1:a/b", long.as_str()]
        {
            assert_eq!(Account::parse(account, ':'), None, "{account:?}");
            let mut labels: BTreeMap<String, String> = owner().labels().into_iter().collect();
            labels.insert(ACCOUNT_LABEL.to_owned(), account.to_owned());
            assert_eq!(Mark::of_labels(&labels), None, "{account:?}");
        }
        let mounts = vec!["/etc/devplat/owner/team-a".to_owned(), "/etc/devplat/account/4242".to_owned()];
        assert_eq!(Mark::of_node(&Container { mounts, ..Container::default() }), None);
    }

    #[test]
    fn names_of_directories_and_bare_user_ids_are_accounts() {
        let long = "a".repeat(LONGEST_NAME);
        for name in ["ada", "EXAMPLE\\ada", "ada@example.com", "uid 4000000000", long.as_str()] {
            let account = Account { uid: 7, name: name.to_owned() };
            assert_eq!(Account::parse(&account.to_string(), ':'), Some(account));
        }
    }
}
