//! What somebody writes before the `@`: a user, and perhaps which dev server of theirs. Total and bounded, since it is
//! the first thing that a stranger decides. It never says whether such a user exists.

use std::fmt;

use devplat_api::dns::{SUBDOMAIN_MAX, is_subdomain};

/// Longest text after the `+`; longer than any name of a server, so that a typing mistake is told as one.
const SERVER_MAX: usize = 128;

/// Who wants in, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    user: String,
    server: Option<String>,
}

/// Why a text is no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogin {
    /// Longer than any login can be.
    #[error("the user name is too long")]
    TooLong,
    /// The part before the `+` cannot be the name of a user.
    #[error("the user name has characters that no user name has")]
    User,
    /// The part after the `+` is not even worth showing.
    #[error("the name of the dev server has characters that no name has")]
    Server,
}

impl Login {
    /// From `alice` or `alice+mydev`.
    pub fn parse(text: &str) -> Result<Self, InvalidLogin> {
        if text.len() > SUBDOMAIN_MAX + 1 + SERVER_MAX {
            return Err(InvalidLogin::TooLong);
        }
        let (user, server) = match text.split_once('+') {
            Some((user, server)) => (user, Some(server)),
            None => (text, None),
        };
        if !is_subdomain(user) {
            return Err(InvalidLogin::User);
        }
        if server.is_some_and(|server| !is_shown(server)) {
            return Err(InvalidLogin::Server);
        }
        Ok(Self { user: user.to_owned(), server: server.map(str::to_owned) })
    }

    /// Who.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Where to: text that can be shown, though no server needs to have that name.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(server) => write!(f, "{}+{server}", self.user),
            None => f.write_str(&self.user),
        }
    }
}

fn is_shown(text: &str) -> bool {
    !text.is_empty() && text.len() <= SERVER_MAX && text.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<(String, Option<String>), InvalidLogin> {
        Login::parse(text).map(|login| (login.user().to_owned(), login.server().map(str::to_owned)))
    }

    #[test]
    fn a_user_alone_and_a_user_with_a_server_are_told_apart() {
        assert_eq!(parsed("alice"), Ok(("alice".into(), None)));
        assert_eq!(parsed("a.smith-2+my-dev"), Ok(("a.smith-2".into(), Some("my-dev".into()))));
    }

    #[test]
    fn a_server_that_no_server_can_be_named_is_let_through_to_be_told_so() {
        assert_eq!(parsed("alice+My_Dev"), Ok(("alice".into(), Some("My_Dev".into()))));
        assert_eq!(parsed("alice+a+b"), Ok(("alice".into(), Some("a+b".into()))));
    }

    #[test]
    fn what_no_user_is_named_is_refused() {
        for text in
            ["", "+", "+mydev", "Alice", "älice", "a b", "-a", "a-", "a..b", ".", "a\n", "a\0", "root@x"]
        {
            assert_eq!(parsed(text), Err(InvalidLogin::User), "{text:?}");
        }
    }

    #[test]
    fn servers_that_would_spoil_a_terminal_or_a_log_are_refused() {
        for text in ["alice+", "alice+\u{1b}[2J", "alice+a\nb", "alice+ä", "alice+a b", "alice+\u{202e}x"] {
            assert_eq!(parsed(text), Err(InvalidLogin::Server), "{text:?}");
        }
    }

    #[test]
    fn a_mebibyte_is_refused_by_its_length() {
        assert_eq!(parsed(&"a".repeat(1 << 20)), Err(InvalidLogin::TooLong));
        assert_eq!(parsed(&format!("a+{}", "b".repeat(SERVER_MAX + 1))), Err(InvalidLogin::Server));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in any::<String>()) {
            if let Ok(login) = Login::parse(&text) {
                prop_assert_eq!(login.to_string(), text);
            }
        }

        #[test]
        fn what_was_let_in_can_be_shown(text in "[ -~\\x00-\\x1f\\x7fé+a-z]{0,40}") {
            if let Ok(login) = Login::parse(&text) {
                prop_assert!(login.to_string().chars().all(|c| c.is_ascii_graphic()));
            }
        }
    }
}
