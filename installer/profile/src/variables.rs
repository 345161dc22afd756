//! Environment variables, and the value that each of them sets.

use std::collections::BTreeMap;

use crate::{
    Mistake, Place,
    mistake::VariableProblem,
    nearest::nearest,
    path::{KeyPath, Segment},
};

const PREFIX: &str = "DEVPLAT_";

/// Variables that are not values of the profile, without their prefix.
const RESERVED: [&str; 9] =
    ["PROFILE", "NAME", "OUTPUT", "YES", "CONTEXT", "TEMPLATES", "STATE_DIR", "CACHE_DIR", "LOG"];

/// The meaning of a variable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Not a value of the profile.
    Other,
    /// Set by the kubelet for a Service, or by Docker for a link.
    Link(Link),
    /// Sets the value at this path.
    Path(KeyPath),
    /// Unknown or ambiguous.
    Mistake(Mistake),
}

/// Returns the meaning of the variable `name`; `paths` are the paths that can have a value.
pub(crate) fn meaning(name: &str, text: &str, paths: &[KeyPath]) -> Meaning {
    let Some(rest) = name.strip_prefix(PREFIX) else { return Meaning::Other };
    let reserved = RESERVED.contains(&rest) || rest.starts_with("TEST_");
    // Docker gives DEVPLAT_NAME a value that no platform can have as its name.
    if reserved && !(rest == "NAME" && names_link(text)) {
        return Meaning::Other;
    }
    let settable = || paths.iter().filter(|path| !path.starts_with(&KeyPath::known("extends")));
    let found: Vec<&KeyPath> = settable().filter(|path| suffix(path) == rest).collect();
    let mistake = |problem: VariableProblem| Mistake::new(&Place::Variable(name.to_owned()), problem);
    match (found.as_slice(), link(rest, text)) {
        // A value of the profile is never a URL with a port of a Service.
        (_, Some(link)) if found.is_empty() || is_url(text) => Meaning::Link(link),
        ([path], _) => Meaning::Path((*path).clone()),
        ([], _) => {
            let all: Vec<String> = settable().map(suffix).collect();
            // Every name has the prefix, so compare the names without it.
            let near = nearest(rest, all.iter().map(String::as_str));
            let nearest = near.map(|rest| format!("{PREFIX}{rest}")).into_iter().collect();
            Meaning::Mistake(Mistake { nearest, ..mistake(VariableProblem::Unknown) })
        }
        (several, _) => {
            let paths = several.iter().map(|path| (*path).clone()).collect();
            Meaning::Mistake(mistake(VariableProblem::Ambiguous(paths)))
        }
    }
}

/// Returns the name of the variable for `path`, without its prefix.
fn suffix(path: &KeyPath) -> String {
    let mut name = String::new();
    for segment in path.segments() {
        if !name.is_empty() {
            name.push('_');
        }
        match segment {
            Segment::Index(index) => name.push_str(&index.to_string()),
            Segment::Key(key) => {
                for c in key.chars() {
                    if c.is_ascii_uppercase() {
                        name.push('_');
                    }
                    name.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
                }
            }
        }
    }
    name
}

fn is_url(text: &str) -> bool {
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme))
}

/// Returns whether Docker sets this variable in a container with a link (`--link`) to another one, such as `DEVPLAT_NAME` with
/// `/web/devplat`. Variables for the ports of a link have the form of a Service's.
pub fn is_of_docker_link(name: &str, text: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| linked(rest, text).is_some())
}

/// Returns the Service or the link that a variable without its prefix belongs to.
fn link(rest: &str, text: &str) -> Option<Link> {
    let of = |name: &str, docker| {
        let name = if name.is_empty() { "devplat".to_owned() } else { format!("devplat_{name}") };
        Link { name: name.to_lowercase().replace('_', "-"), docker }
    };
    linked(rest, text).map(|name| of(name, true)).or_else(|| service(rest, text).map(|name| of(name, false)))
}

/// Returns `rest` without what Docker appends to the name of a link, or `None` if it has no such form.
fn linked<'a>(rest: &'a str, text: &str) -> Option<&'a str> {
    match before(rest, "NAME") {
        Some(name) if names_link(text) => Some(name),
        // A variable of the linked container.
        _ => around(rest, "ENV_").map(|(name, _)| name),
    }
}

/// Returns whether a text names a container and a link of it, such as `/web/devplat`.
fn names_link(text: &str) -> bool {
    let parts = text.strip_prefix('/').and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(container, link)| !container.is_empty() && !link.is_empty() && !link.contains('/'))
}

/// Returns the name before this end. An end that stands alone is treated as one with an empty name before it.
fn before<'a>(rest: &'a str, end: &str) -> Option<&'a str> {
    rest.strip_suffix(end).and_then(|name| name.strip_suffix('_').or(name.is_empty().then_some("")))
}

/// Returns the name before this middle, and what follows it.
fn around<'a>(rest: &'a str, middle: &str) -> Option<(&'a str, &'a str)> {
    match rest.strip_prefix(middle) {
        Some(after) => Some(("", after)),
        None => rest.split_once(&format!("_{middle}")),
    }
}

/// Returns `rest` without the suffix that a kubelet appends to the name of a Service, or `None` if there is no such
/// suffix. Docker uses the same suffixes for ports.
fn service<'a>(rest: &'a str, text: &str) -> Option<&'a str> {
    if let Some(name) = before(rest, "SERVICE_HOST").or_else(|| before(rest, "SERVICE_PORT")) {
        return Some(name);
    }
    if is_url(text)
        && let Some(name) = before(rest, "PORT")
    {
        return Some(name);
    }
    // The rest is the name of one of the Service's ports.
    if let Some((name, _)) = around(rest, "SERVICE_PORT_") {
        return Some(name);
    }
    let (name, port) = around(rest, "PORT_")?;
    let (number, rest) = port.split_once('_')?;
    let (transport, suffix) = rest.split_once('_').unwrap_or((rest, ""));
    let is_suffix = matches!(
        suffix,
        // The last four are Docker's, for ranges of ports.
        "" | "ADDR" | "PORT" | "PROTO" | "START" | "END" | "PORT_START" | "PORT_END"
    );
    let known = is_suffix && matches!(transport, "TCP" | "UDP" | "SCTP");
    (known && number.parse::<u16>().is_ok()).then_some(name)
}

/// A Service of Kubernetes or a link of Docker, whose variables devplat ignores.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The name, such as `devplat`.
    name: String,
    /// Whether only Docker sets such a variable.
    docker: bool,
}

/// Variables of Services and links, by the name of the Service or link.
#[derive(Debug, Default)]
pub(crate) struct Links(BTreeMap<String, LinkVariables>);

#[derive(Debug, Default)]
struct LinkVariables {
    docker: bool,
    names: Vec<String>,
}

impl Links {
    pub(crate) fn add(&mut self, link: Link, variable: &str) {
        let Link { name, docker } = link;
        let variables = self.0.entry(name).or_default();
        variables.docker |= docker;
        variables.names.push(format!("${variable}"));
    }

    /// Returns one remark for each Service and each link.
    pub(crate) fn remarks(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(link, LinkVariables { docker, names })| {
            let (verb, them) = if names.len() == 1 { ("comes", "it") } else { ("come", "them") };
            let (from, remedy) = if docker {
                ("a Docker link", "a network without --link")
            } else {
                ("a Service", "enableServiceLinks: false")
            };
            format!("{} {verb} from {from} named {link}; {remedy} keeps {them} away", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning_of(name: &str, text: &str) -> Meaning {
        let paths =
            ["operator.replicas", "devServers.homeSize", "flavors.cpu-small", "extends", "images.local.port"];
        meaning(name, text, &paths.map(KeyPath::known))
    }

    fn link(name: &str, docker: bool) -> Meaning {
        Meaning::Link(Link { name: name.to_owned(), docker })
    }

    #[test]
    fn variable_of_a_path_is_in_capitals_with_underscores() {
        for (name, path) in [
            ("DEVPLAT_OPERATOR_REPLICAS", "operator.replicas"),
            ("DEVPLAT_DEV_SERVERS_HOME_SIZE", "devServers.homeSize"),
            ("DEVPLAT_FLAVORS_CPU_SMALL", "flavors.cpu-small"),
            ("DEVPLAT_IMAGES_LOCAL_PORT", "images.local.port"),
        ] {
            assert_eq!(meaning_of(name, "1"), Meaning::Path(KeyPath::known(path)));
        }
    }

    #[test]
    fn variables_of_other_things_are_ignored() {
        for name in ["HOME", "DEVPLAT_NAME", "DEVPLAT_STATE_DIR", "DEVPLAT_LOG", "DEVPLAT_TEST_ANY"] {
            assert_eq!(meaning_of(name, "x"), Meaning::Other, "{name}");
        }
    }

    #[test]
    fn variables_of_a_service_are_recognised_with_its_name() {
        for (name, text, service) in [
            ("DEVPLAT_SERVICE_HOST", "10.96.0.7", "devplat"),
            ("DEVPLAT_SERVICE_PORT", "22", "devplat"),
            ("DEVPLAT_SERVICE_PORT_SSH", "22", "devplat"),
            ("DEVPLAT_PORT", "tcp://10.96.0.7:22", "devplat"),
            ("DEVPLAT_PORT_22_TCP", "tcp://10.96.0.7:22", "devplat"),
            ("DEVPLAT_PORT_22_TCP_ADDR", "10.96.0.7", "devplat"),
            ("DEVPLAT_PORT_53_UDP_PROTO", "udp", "devplat"),
            ("DEVPLAT_WEB_UI_SERVICE_HOST", "10.96.0.8", "devplat-web-ui"),
            ("DEVPLAT_WEB_UI_PORT_80_TCP_PORT", "80", "devplat-web-ui"),
            ("DEVPLAT_IMAGES_LOCAL_PORT", "tcp://10.96.0.9:80", "devplat-images-local"),
        ] {
            assert_eq!(meaning_of(name, text), link(service, false), "{name}");
        }
    }

    #[test]
    fn variables_of_a_docker_link_are_recognised_with_its_name() {
        for (name, text, of) in [
            ("DEVPLAT_NAME", "/web/devplat", "devplat"),
            ("DEVPLAT_ENV_PATH", "/usr/bin:/bin", "devplat"),
            ("DEVPLAT_WEB_UI_NAME", "/app/devplat-web-ui", "devplat-web-ui"),
            ("DEVPLAT_WEB_UI_ENV_PORT", "80", "devplat-web-ui"),
        ] {
            assert_eq!(meaning_of(name, text), link(of, true), "{name}");
            assert!(is_of_docker_link(name, text), "{name}");
        }
        for name in ["START", "END", "PORT_START", "PORT_END"].map(|end| format!("DEVPLAT_PORT_22_TCP_{end}"))
        {
            assert_eq!(meaning_of(&name, "22"), link("devplat", false), "{name}");
        }
        for (name, text) in [
            ("DEVPLAT_NAME", "team-a"),
            ("DEVPLAT_NAME", "/web"),
            ("DEVPLAT_NAME", "/web/"),
            ("DEVPLAT_NAME", "/a/b/c"),
            ("DEVPLAT_PROFILE", "/web/devplat"),
        ] {
            assert_eq!(meaning_of(name, text), Meaning::Other, "{name} {text}");
            assert!(!is_of_docker_link(name, text), "{name} {text}");
        }
    }

    #[test]
    fn other_variables_are_mistakes_with_a_guess_only_where_one_is_near() {
        for (name, message) in [
            (
                "DEVPLAT_OPERATOR_REPLICA",
                "$DEVPLAT_OPERATOR_REPLICA: no value of the profile has this variable; did you mean \
                 \"DEVPLAT_OPERATOR_REPLICAS\"?",
            ),
            ("DEVPLAT_PORT", "$DEVPLAT_PORT: no value of the profile has this variable"),
            ("DEVPLAT_PORT_X_TCP", "$DEVPLAT_PORT_X_TCP: no value of the profile has this variable"),
            ("DEVPLAT_EXTENDS", "$DEVPLAT_EXTENDS: no value of the profile has this variable"),
        ] {
            let Meaning::Mistake(mistake) = meaning_of(name, "22") else { panic!("{name}") };
            assert_eq!(mistake.to_string(), message);
        }
    }

    #[test]
    fn variable_of_two_paths_is_a_mistake() {
        let paths = [KeyPath::known("users.a-b"), KeyPath::known("users.a").key("b")];
        let Meaning::Mistake(mistake) = meaning("DEVPLAT_USERS_A_B", "{}", &paths) else { panic!() };
        assert_eq!(
            mistake.to_string(),
            "$DEVPLAT_USERS_A_B: this variable means users.a-b and users.a.b; use --set instead"
        );
    }
}
