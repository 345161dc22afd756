//! The names of users on the command line.

use devplat_api::dns::is_subdomain;
use devplat_profile::UserName;

use crate::failure::{Exit, Failure};

/// Checks the name of a new user. Fails with the rule and the nearest valid name.
pub(super) fn checked(text: &str) -> Result<UserName, Failure> {
    text.parse().map_err(|error| {
        let nearest = nearest(text).map(|name| format!("did you mean {name}?"));
        Failure::of(Exit::Usage, &error).maybe_hint(nearest)
    })
}

/// Returns whether a DevUser may have this name. Other tools may create one with a name that `users add` rejects.
pub(super) fn is_possible(text: &str) -> bool {
    is_subdomain(text)
}

/// Returns the valid name nearest to `text`; `None` if no part of it could be one.
fn nearest(text: &str) -> Option<UserName> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    text.chars().map(plain).collect::<String>().trim_matches('-').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_name_is_rejected_with_the_rule_and_the_nearest_name() {
        assert_eq!(checked("alice").unwrap().as_str(), "alice");
        for (text, meant) in [
            ("Alice", Some("alice")),
            ("alice.smith@example.com", Some("alice-smith-example-com")),
            ("-alice_", Some("alice")),
            ("ä", None),
            ("", None),
        ] {
            let failure = checked(text).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{text}");
            assert!(failure.message.starts_with(&format!("{text:?} is not a user name: use 1 to 40 ")));
            let hint = meant.map(|meant| format!("did you mean {meant}?"));
            assert_eq!(failure.hints, Vec::from_iter(hint), "{text}");
        }
    }

    #[test]
    fn name_of_another_tools_user_is_possible() {
        assert!(is_possible("alice.smith") && is_possible("7"));
        for text in ["", "Alice", "../alice", "a/b", "a%2Fb", ".."] {
            assert!(!is_possible(text), "{text}");
        }
    }
}
