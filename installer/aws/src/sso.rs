//! The cached login with IAM Identity Center. `aws sso login` writes it, and aws-config reports its state only in words.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;
use sha1::{Digest, Sha1};

use crate::config_file::SsoLogin;

/// The state of a cached login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cached {
    /// It is valid, or aws-config can renew it.
    Usable,
    /// There is none.
    Absent,
    /// It ended at this time and cannot be renewed.
    Expired(Timestamp),
}

/// The dates of a login. Its tokens are not read: their presence is enough.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CachedLogin {
    expires_at: Timestamp,
    registration_expires_at: Option<Timestamp>,
    #[serde(default, rename = "refreshToken")]
    refresh: Present,
    #[serde(default, rename = "clientSecret")]
    client: Present,
}

/// Whether a value is present. It is not kept, because it is a secret.
#[derive(Debug, Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// Returns the file of a login: its name is the digest of the session or of the start URL.
fn file(home: &Path, login: &SsoLogin) -> PathBuf {
    let digest = Sha1::digest(login.name().as_bytes());
    let mut name = String::new();
    for byte in digest {
        let _ = write!(name, "{byte:02x}");
    }
    home.join(".aws/sso/cache").join(name).with_extension("json")
}

/// Returns the state of a login. A file that cannot be read or parsed counts as absent: a new login replaces it.
pub(crate) fn state(home: &Path, login: &SsoLogin, now: Timestamp) -> Cached {
    std::fs::read_to_string(file(home, login)).map_or(Cached::Absent, |text| of_text(&text, login, now))
}

fn of_text(text: &str, login: &SsoLogin, now: Timestamp) -> Cached {
    let Ok(cached) = serde_json::from_str::<CachedLogin>(text) else { return Cached::Absent };
    let CachedLogin { expires_at, registration_expires_at, refresh, client } = cached;
    let renewable = match login {
        SsoLogin::Session(_) => {
            refresh.0 && client.0 && registration_expires_at.is_some_and(|until| now < until)
        }
        // aws-config renews only the tokens of sessions.
        SsoLogin::StartUrl(_) => false,
    };
    if now < expires_at || renewable { Cached::Usable } else { Cached::Expired(expires_at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SsoLogin {
        SsoLogin::Session("corp".to_owned())
    }

    #[test]
    fn file_of_a_login_is_named_by_a_digest() {
        let expected = "/home/ada/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
        assert_eq!(file(Path::new("/home/ada"), &session()), Path::new(expected));
    }

    #[test]
    fn expired_login_is_usable_only_if_it_can_be_renewed() {
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        let renewable =
            r#""refreshToken":"r","clientSecret":"c","registrationExpiresAt":"2027-01-01T00:00:00Z","#;
        let ended = "2026-11-01T11:00:00Z";
        let expired = Cached::Expired(ended.parse().unwrap());
        let url = SsoLogin::StartUrl("https://corp.example/start".to_owned());
        for (login, more, ends, state) in [
            (session(), "", "2026-11-01T13:00:00Z", Cached::Usable),
            (session(), "", ended, expired),
            (session(), renewable, ended, Cached::Usable),
            (session(), r#""refreshToken":"r","#, ended, expired),
            (url, renewable, ended, expired),
        ] {
            let text = format!(r#"{{{more}"accessToken":"secret","expiresAt":"{ends}"}}"#);
            assert_eq!(of_text(&text, &login, now), state, "{text}");
        }
        assert_eq!(of_text("{}", &session(), now), Cached::Absent);
    }

    #[test]
    fn absent_file_is_an_absent_login() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(state(home.path(), &session(), Timestamp::UNIX_EPOCH), Cached::Absent);
    }
}
