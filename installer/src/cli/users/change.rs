//! The difference that `devplat users add` made, for people and for programs. Pure.

use devplat_api::DevUserSpec;
use devplat_keys::{AuthorizedKeys, PublicKey};

/// The difference between a user before and after `users add`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UserChange {
    /// The user did not exist.
    Added,
    /// The user existed already, with this many keys and no difference.
    Nothing { keys: usize },
    /// The user existed and differs in these ways.
    Changed(Vec<String>),
}

impl UserChange {
    /// Compares the user before, if there was one, with the user now.
    pub(super) fn between(before: Option<&DevUserSpec>, now: &DevUserSpec) -> Self {
        match before {
            None => Self::Added,
            Some(before) if before == now => Self::Nothing { keys: now.ssh_keys.len() },
            Some(before) => Self::Changed(differences(before, now)),
        }
    }

    /// The word for programs.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Nothing { .. } => "unchanged",
            Self::Changed(_) => "changed",
        }
    }

    /// The sentence for people.
    pub(super) fn text(&self, user: &str) -> String {
        match self {
            Self::Added => format!("added user {user}"),
            Self::Nothing { keys: 1 } => format!("user {user} exists already, with that key"),
            Self::Nothing { keys: _ } => format!("user {user} exists already, with those keys"),
            Self::Changed(differences) => format!("changed user {user}: {}", differences.join(", ")),
        }
    }
}

fn differences(before: &DevUserSpec, now: &DevUserSpec) -> Vec<String> {
    let DevUserSpec { display_name, ssh_keys, groups, limits } = before;
    let mut all = keys(ssh_keys, &now.ssh_keys);
    if *display_name != now.display_name {
        all.push(match &now.display_name {
            Some(name) => format!("full name is now {name:?}"),
            None => "full name removed".to_owned(),
        });
    }
    if *groups != now.groups {
        all.push(match now.groups.as_slice() {
            [] => "groups removed".to_owned(),
            groups => format!("groups are now {}", groups.join(", ")),
        });
    }
    if *limits != now.limits {
        all.push("limits changed".to_owned());
    }
    all
}

/// Counts the added and the removed keys.
fn keys(before: &[String], now: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for (count, how) in [(missing(now, before), "added"), (missing(before, now), "removed")] {
        match count {
            0 => {}
            1 => all.push(format!("1 key {how}")),
            count => all.push(format!("{count} keys {how}")),
        }
    }
    if all.is_empty() && before != now {
        all.push("comments or order of the keys changed".to_owned());
    }
    all
}

/// Returns how many of these lines have a key that the other lines do not have.
fn missing(lines: &[String], others: &[String]) -> usize {
    let (known, _) = AuthorizedKeys::parse(others.iter().map(String::as_str));
    let keys = lines.iter().filter_map(|line| PublicKey::from_openssh(line).ok());
    keys.filter(|key| !known.contains(key)).count()
}

#[cfg(test)]
mod tests {
    use devplat_keys::UserKey;

    use super::*;

    fn key(seed: u8, comment: &str) -> String {
        UserKey::from_seed([seed; 32], comment).public_text()
    }

    fn user(keys: &[String]) -> DevUserSpec {
        DevUserSpec { ssh_keys: keys.to_vec(), ..DevUserSpec::default() }
    }

    fn told(before: Option<&DevUserSpec>, now: &DevUserSpec) -> String {
        UserChange::between(before, now).text("alice")
    }

    #[test]
    fn second_user_with_the_same_key_is_reported_as_unchanged() {
        let one = user(&[key(1, "laptop")]);
        assert_eq!(told(None, &one), "added user alice");
        assert_eq!(told(Some(&one), &one), "user alice exists already, with that key");
        let two = user(&[key(1, "laptop"), key(2, "desk")]);
        assert_eq!(told(Some(&two), &two), "user alice exists already, with those keys");
        assert_eq!(UserChange::between(Some(&two), &two).as_str(), "unchanged");
    }

    #[test]
    fn changed_user_is_reported_with_the_differences() {
        let before = user(&[key(1, "laptop"), key(2, "desk")]);
        for (keys, expected) in [
            (vec![key(1, "laptop"), key(2, "desk"), key(3, "new")], "1 key added"),
            (vec![key(1, "laptop")], "1 key removed"),
            (vec![key(3, "new")], "1 key added, 2 keys removed"),
            (vec![key(1, "old laptop"), key(2, "desk")], "comments or order of the keys changed"),
        ] {
            assert_eq!(told(Some(&before), &user(&keys)), format!("changed user alice: {expected}"));
        }
        let named = DevUserSpec {
            display_name: Some("Alice".to_owned()),
            groups: vec!["ml".to_owned(), "ops".to_owned()],
            ..before.clone()
        };
        let expected = "changed user alice: full name is now \"Alice\", groups are now ml, ops";
        assert_eq!(told(Some(&before), &named), expected);
        assert_eq!(told(Some(&named), &before), "changed user alice: full name removed, groups removed");
    }
}
