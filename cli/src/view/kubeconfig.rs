//! A kubeconfig for the user's own token.

use base64::{Engine, engine::general_purpose};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{age, yaml};
use crate::place::Token;

/// What gets the user in.
#[derive(Debug)]
pub(crate) struct Entrance<'a> {
    pub(crate) server: &'a str,
    /// The certificates that the server is to be known by, in PEM.
    pub(crate) authority: Option<&'a [u8]>,
    pub(crate) token: &'a Token,
    pub(crate) user: &'a str,
    pub(crate) namespace: &'a str,
}

impl Entrance<'_> {
    /// The file, with a word on how long it can be used.
    pub(crate) fn text(&self, now: Timestamp) -> String {
        let Self { server, authority, token, user, namespace } = self;
        let mut cluster = json!({"server": server});
        if let Some(authority) = authority {
            cluster["certificate-authority-data"] = general_purpose::STANDARD.encode(authority).into();
        }
        let file = yaml(&json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "devplat",
            "clusters": [{"name": "devplat", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token.0}}],
            "contexts": [{
                "name": "devplat",
                "context": {"cluster": "devplat", "user": user, "namespace": namespace},
            }],
        }));
        let end = match token_end(token) {
            Some(end) if end > now => {
                format!("# The token in it ends at {end}, in {}.\n", age::age(now, end))
            }
            Some(end) => format!("# The token in it ended at {end}.\n"),
            None => String::new(),
        };
        format!("# Made by `devctl kubeconfig` for {user}. Whoever has it is {user}.\n{end}{file}")
    }
}

/// When a token ends, by its own words. Nothing is checked: that is the API server's business.
pub(crate) fn token_end(token: &Token) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let claims = token.0.split('.').nth(1)?;
    let claims = general_purpose::URL_SAFE_NO_PAD.decode(claims).ok()?;
    Timestamp::from_second(serde_json::from_slice::<Claims>(&claims).ok()?.exp).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_says_when_its_token_ends() {
        let claims = general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1795000000,"sub":"alice"}"#);
        let token = Token(format!("e30.{claims}.c2ln"));
        let entrance = Entrance {
            server: "https://10.0.0.1",
            authority: Some(b"pem"),
            token: &token,
            user: "alice",
            namespace: "dev-alice",
        };
        let now = Timestamp::from_second(1_795_000_000 - 600).unwrap();
        insta::assert_snapshot!(entrance.text(now), @r"
        # Made by `devctl kubeconfig` for alice. Whoever has it is alice.
        # The token in it ends at 2026-11-18T11:06:40Z, in 10m.
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: cGVt
            server: https://10.0.0.1
          name: devplat
        contexts:
        - context:
            cluster: devplat
            namespace: dev-alice
            user: alice
          name: devplat
        current-context: devplat
        kind: Config
        users:
        - name: alice
          user:
            token: e30.eyJleHAiOjE3OTUwMDAwMDAsInN1YiI6ImFsaWNlIn0.c2ln
        ");
        let later = Timestamp::from_second(1_795_000_001).unwrap();
        assert!(entrance.text(later).contains("ended at"), "{}", entrance.text(later));
    }

    #[test]
    fn token_that_says_nothing_ends_nobody_knows_when() {
        for token in ["", "opaque", "a.b.c", "e30.e30.c2ln"] {
            assert_eq!(token_end(&Token(token.into())), None);
        }
    }
}
