//! Who the user is, where devctl runs, and the lines of `ssh` that lead in.

use serde_json::{Value, json};

use super::{
    Look, Show,
    table::{Cell, fields},
};
use crate::settings::Host;

/// The explanation of a host that devctl does not know.
const HOST: &str = "\
HOST is the word behind the @ in the ssh line that you sign in with. If that line has -F FILE, each
of these lines needs it as well. If it has -p PORT, `ssh` without -J needs -p PORT, `scp` needs
-P PORT, and after -J, HOST is HOST:PORT.";
/// The explanation of the name of the platform, if devctl does not know it.
const PLATFORM: &str = "\
PLATFORM is the name of the platform: the word after `*.*.` in the line of ~/.ssh/known_hosts with
which you trust it.";
/// The explanation of a name that devctl does not know.
const USER: &str = "USER is the word before the @ in the ssh line that you sign in with.";

/// Who and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Me {
    /// The user on the platform, if known.
    pub(crate) user: Option<String>,
    /// Who the API server takes the user for, where it was asked.
    pub(crate) known_as: Option<String>,
    /// The user's namespace.
    pub(crate) namespace: String,
    /// `bastion`, or `context …`.
    pub(crate) place: String,
    /// URL of the API server.
    pub(crate) server: String,
    /// Host of the bastion, if known.
    pub(crate) host: Option<Host>,
    /// Name of the platform, if known.
    pub(crate) platform: Option<String>,
}

impl Me {
    /// What to type, and for what.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let user = self.user.as_deref().unwrap_or("USER");
        let unknown = Host { name: "HOST".to_owned(), port: 22 };
        let host = self.host.as_ref().unwrap_or(&unknown);
        let platform = self.platform.as_deref().unwrap_or("PLATFORM");
        vec![
            ("devctl's prompt", host.ssh(user)),
            ("a dev server", host.ssh(&format!("{user}+SERVER"))),
            ("end to end", format!("ssh -J {user}@{host} dev@SERVER.{user}.{platform}")),
            ("copy", format!("scp {}FILE {user}+SERVER@{}:", port_of_scp(host), host.name)),
        ]
    }
}

fn port_of_scp(host: &Host) -> String {
    if host.port == 22 { String::new() } else { format!("-P {} ", host.port) }
}

impl Show for Me {
    fn table(&self, wide: bool, look: &Look) -> String {
        let mut pairs = vec![
            ("user", Cell::maybe(self.user.as_deref())),
            ("namespace", (&self.namespace).into()),
            ("devctl runs in", (&self.place).into()),
        ];
        if wide {
            pairs.push(("API server", (&self.server).into()));
            pairs.push(("known there as", Cell::maybe(self.known_as.as_deref())));
        }
        let unbounded = Look { width: None, ..*look };
        let lines: Vec<(&str, Cell)> = self.lines().iter().map(|(what, line)| (*what, line.into())).collect();
        // Not wrapped: these get copied.
        let text = format!("{}\n\n{}", fields(&pairs, look), fields(&lines, &unbounded));
        let explained =
            [(self.host.is_none(), HOST), (self.user.is_none(), USER), (self.platform.is_none(), PLATFORM)];
        explained
            .iter()
            .filter(|(unknown, _)| *unknown)
            .fold(text, |text, (_, why)| format!("{text}\n\n{why}"))
    }

    fn value(&self) -> Value {
        let Self { user, known_as, namespace, place, server, host, platform } = self;
        let ssh: serde_json::Map<_, _> = ["prompt", "server", "jump", "copy"]
            .into_iter()
            .map(str::to_owned)
            .zip(self.lines().into_iter().map(|(_, line)| line.into()))
            .collect();
        json!({
            "user": user, "knownAs": known_as, "namespace": namespace, "place": place, "apiServer": server,
            "host": host.as_ref().map(ToString::to_string), "platform": platform, "ssh": ssh,
        })
    }

    fn names(&self) -> Vec<String> {
        self.user.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Format, text};

    fn me(host: Option<&str>) -> Me {
        Me {
            user: Some("alice".into()),
            known_as: None,
            namespace: "dev-alice".into(),
            place: "the bastion".into(),
            server: "https://kubernetes.default.svc".into(),
            host: host.map(|host| host.parse().unwrap()),
            platform: host.map(|_| "devplat".to_owned()),
        }
    }

    #[test]
    fn lines_can_be_typed_as_they_are() {
        let look = Look { width: Some(40), colours: false, now: "2026-11-24T10:05:00Z".parse().unwrap() };
        insta::assert_snapshot!(text(&me(Some("dev.example.com:2222")), Format::Table, &look), @r"
        user:            alice
        namespace:       dev-alice
        devctl runs in:  the bastion

        devctl's prompt:  ssh -p 2222 alice@dev.example.com
        a dev server:     ssh -p 2222 alice+SERVER@dev.example.com
        end to end:       ssh -J alice@dev.example.com:2222 dev@SERVER.alice.devplat
        copy:             scp -P 2222 FILE alice+SERVER@dev.example.com:
        ");
        insta::assert_snapshot!(text(&me(Some("dev.example.com")), Format::Wide, &look), @r"
        user:            alice
        namespace:       dev-alice
        devctl runs in:  the bastion
        API server:      https://kubernetes.default.svc
        known there as:  -

        devctl's prompt:  ssh alice@dev.example.com
        a dev server:     ssh alice+SERVER@dev.example.com
        end to end:       ssh -J alice@dev.example.com dev@SERVER.alice.devplat
        copy:             scp FILE alice+SERVER@dev.example.com:
        ");
        let unknown = text(&me(None), Format::Table, &look);
        assert!(unknown.contains("ssh alice+SERVER@HOST") && unknown.contains("behind the @"), "{unknown}");
        assert!(
            unknown.contains("`scp` needs\n-P PORT") && unknown.contains("PLATFORM is the name"),
            "{unknown}"
        );
        assert_eq!(me(Some("dev.example.com")).value()["ssh"]["server"], "ssh alice+SERVER@dev.example.com");
    }
}
