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
    /// Set by the kubelet for a Service of this name.
    ServiceLink(String),
    /// Sets the value at this path.
    Path(KeyPath),
    /// Unknown or ambiguous.
    Mistake(Mistake),
}

/// Returns the meaning of the variable `name`; `paths` are the paths that can have a value.
pub(crate) fn meaning(name: &str, text: &str, paths: &[KeyPath]) -> Meaning {
    let Some(rest) = name.strip_prefix(PREFIX) else { return Meaning::Other };
    if RESERVED.contains(&rest) || rest.starts_with("TEST_") {
        return Meaning::Other;
    }
    let settable = || paths.iter().filter(|path| !path.starts_with(&KeyPath::known("extends")));
    let found: Vec<&KeyPath> = settable().filter(|path| suffix(path) == rest).collect();
    let mistake = |problem: VariableProblem| Mistake::new(&Place::Variable(name.to_owned()), problem);
    match (found.as_slice(), service(rest, text)) {
        // A value of the profile is never a URL with a port of a Service.
        (_, Some(prefix)) if found.is_empty() || is_url(text) => Meaning::ServiceLink(service_name(prefix)),
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

/// Returns `rest` without the suffix that a kubelet appends to the name of a Service, or `None` if there is no such
/// suffix.
fn service<'a>(rest: &'a str, text: &str) -> Option<&'a str> {
    // A suffix that stands alone is treated as one with a name before it.
    let ends = |end: &str| {
        rest.strip_suffix(end).and_then(|name| name.strip_suffix('_').or(name.is_empty().then_some("")))
    };
    if let Some(name) = ends("SERVICE_HOST").or_else(|| ends("SERVICE_PORT")) {
        return Some(name);
    }
    if is_url(text)
        && let Some(name) = ends("PORT")
    {
        return Some(name);
    }
    let after = |middle: &str| {
        let (name, after) = match rest.strip_prefix(middle) {
            Some(after) => ("", after),
            None => rest.split_once(&format!("_{middle}"))?,
        };
        Some((name, after))
    };
    // The rest is the name of one of the Service's ports.
    if let Some((name, _)) = after("SERVICE_PORT_") {
        return Some(name);
    }
    let (name, port) = after("PORT_")?;
    let mut parts = port.split('_');
    let number = parts.next()?.parse::<u16>().is_ok();
    let protocol = matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"));
    let kind = matches!(parts.next(), None | Some("ADDR" | "PORT" | "PROTO"));
    (number && protocol && kind && parts.next().is_none()).then_some(name)
}

fn service_name(prefix: &str) -> String {
    let name = if prefix.is_empty() { "devplat".to_owned() } else { format!("devplat_{prefix}") };
    name.to_lowercase().replace('_', "-")
}

/// Variables that kubelets set, by Service.
#[derive(Debug, Default)]
pub(crate) struct ServiceLinks(BTreeMap<String, Vec<String>>);

impl ServiceLinks {
    pub(crate) fn add(&mut self, service: String, variable: &str) {
        self.0.entry(service).or_default().push(variable.to_owned());
    }

    /// Returns one remark for each Service.
    pub(crate) fn remarks(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(service, variables)| {
            let verb = if variables.len() == 1 { "comes" } else { "come" };
            let all: Vec<String> = variables.iter().map(|name| format!("${name}")).collect();
            format!(
                "{} {verb} from a Service named {service}; enableServiceLinks: false keeps {} away",
                all.join(", "),
                if variables.len() == 1 { "it" } else { "them" }
            )
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
            assert_eq!(meaning_of(name, text), Meaning::ServiceLink(service.to_owned()), "{name}");
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
