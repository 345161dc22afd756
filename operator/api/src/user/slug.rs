//! From a user's name to a part of Kubernetes names, so that no two users ever share one.
//!
//! A collision here would give one user another one's machines.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::dns;

/// Longest name that stays as it is; `user-<slug>` and `dev-<slug>` then fit a label of 63 characters.
const PLAIN_MAX: usize = 40;
/// Characters of a name that stay readable in front of the hash.
const READABLE: usize = 20;
/// Hexadecimal digits of the hash: 80 bits, so that looking for a collision on purpose is hopeless too.
const DIGITS: usize = 20;
/// Begins the name of a user's namespace.
const NAMESPACE: &str = "dev-";
/// Stands between both parts, and never in a name that stays as it is.
const MARK: &str = "--";

/// A DNS label that belongs to one user name only.
///
/// Names that are short, plain labels stay as they are. All others become `readable--hash`;
/// a name that looks like one of those gets hashed as well, so the two kinds never meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

impl Slug {
    /// The slug of `user`, which may be any text.
    pub fn of(user: &str) -> Self {
        if is_plain(user) {
            return Self(user.to_owned());
        }
        let readable: String = user
            .chars()
            .map(|c| c.to_ascii_lowercase())
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
            .take(READABLE)
            .collect();
        let readable = match readable.trim_matches('-') {
            "" => "user",
            some => some,
        };
        let hash: String = Sha256::digest(user.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .take(DIGITS / 2)
            .collect();
        Self(format!("{readable}{MARK}{hash}"))
    }

    /// Returns the slug whose namespace this is; `None` if no user has a namespace of that name.
    pub fn of_namespace(namespace: &str) -> Option<Self> {
        let slug = namespace.strip_prefix(NAMESPACE)?;
        (!slug.is_empty()).then(|| Self(slug.to_owned()))
    }

    /// The slug itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user's namespace.
    pub fn namespace(&self) -> String {
        format!("{NAMESPACE}{}", self.0)
    }

    /// The user's ServiceAccount.
    pub fn service_account(&self) -> String {
        format!("user-{}", self.0)
    }

    /// The user's `ClusterRoleBinding` for reading flavors.
    pub fn flavor_reader_binding(&self) -> String {
        format!("{}-flavor-reader", self.0)
    }
}

fn is_plain(user: &str) -> bool {
    user.len() <= PLAIN_MAX && !user.contains(MARK) && dns::is_label(user)
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn different_users_never_share_a_slug(a in "[aA.@_é-]{0,8}", b in "[aA.@_é-]{0,8}") {
            prop_assert_eq!(a == b, Slug::of(&a) == Slug::of(&b));
        }

        #[test]
        fn a_slug_used_as_a_name_is_no_way_to_another_users_namespace(a in any::<String>()) {
            let slug = Slug::of(&a);
            prop_assume!(slug.as_str() != a);
            prop_assert_ne!(Slug::of(slug.as_str()), slug);
        }

        #[test]
        fn every_name_made_from_a_slug_is_a_dns_label(a in any::<String>()) {
            let slug = Slug::of(&a);
            for name in [slug.namespace(), slug.service_account(), slug.flavor_reader_binding()] {
                prop_assert!(name.len() <= 63 && !name.ends_with('-') && !name.starts_with('-'), "{}", name);
                prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            }
        }

        #[test]
        fn slug_is_known_from_its_namespace(a in any::<String>()) {
            let slug = Slug::of(&a);
            prop_assert_eq!(Slug::of_namespace(&slug.namespace()), Some(slug));
        }

        #[test]
        fn plain_names_stay_as_they_are(a in "[a-z][a-z0-9]{0,39}") {
            let slug = Slug::of(&a);
            prop_assert_eq!(slug.as_str(), a);
        }
    }

    #[test]
    fn namespace_of_no_user_has_no_slug() {
        for namespace in ["default", "dev-", "devserver-bastion"] {
            assert_eq!(Slug::of_namespace(namespace), None, "{namespace}");
        }
    }

    #[test]
    fn an_address_stays_readable() {
        insta::assert_snapshot!(Slug::of("Alice.Smith@example.com"), @"alice-smith-example--66da998b94c09dc2ed07");
    }
}
