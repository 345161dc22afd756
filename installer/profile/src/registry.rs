//! The registry and path in front of an image's name.

/// The longest registry with its path. Names of images, which follow it, end at 255 characters.
const MAX: usize = 200;

/// Why a text is not a registry with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidRegistry {
    #[error("leave out the scheme, and set images.plainHttp=true for a registry without TLS")]
    Scheme,
    #[error("it has more than {MAX} characters")]
    TooLong,
    #[error("the host is a name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    #[error(
        "the first part has no dot and no port, so it names a path of Docker Hub: put docker.io/ before it"
    )]
    NoHost,
    #[error("the port is a number from 1 to 65535")]
    Port,
    #[error(
        "each part of the path has lowercase letters, digits and single '.', '_' or '-' between them, and no tag or digest"
    )]
    Path,
}

/// Checks `HOST[:PORT][/PATH]` and returns it with the host in lower case and without a slash at the end.
pub(crate) fn parse(text: &str) -> Result<String, InvalidRegistry> {
    if text.contains("://") {
        return Err(InvalidRegistry::Scheme);
    }
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.len() > MAX {
        return Err(InvalidRegistry::TooLong);
    }
    let (authority, path) = match text.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (text, None),
    };
    let authority = parse_authority(authority)?;
    match path {
        None => Ok(authority),
        Some(path) if path.split('/').all(is_segment) => Ok(format!("{authority}/{path}")),
        Some(_) => Err(InvalidRegistry::Path),
    }
}

fn parse_authority(text: &str) -> Result<String, InvalidRegistry> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or(InvalidRegistry::Host)?;
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| InvalidRegistry::Host)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(InvalidRegistry::Host),
        };
        (format!("[{address}]"), port)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host.to_lowercase(), Some(port)),
            None => (text.to_lowercase(), None),
        }
    };
    if !host.starts_with('[') {
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if !host.split('.').all(label) {
            return Err(InvalidRegistry::Host);
        }
        // Docker, containerd and kubelets all read such a first part as a path of Docker Hub.
        if port.is_none() && !host.contains('.') && host != "localhost" {
            return Err(InvalidRegistry::NoHost);
        }
    }
    match port {
        None => Ok(host),
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && port.starts_with(|c: char| ('1'..='9').contains(&c)) => {
                Ok(format!("{host}:{number}"))
            }
            _ => Err(InvalidRegistry::Port),
        },
    }
}

/// Returns whether `text` is one part of a repository's name, by the OCI distribution specification.
pub(crate) fn is_segment(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !text.starts_with(alphanumeric) || !text.ends_with(alphanumeric) {
        return false;
    }
    let separators = text.split(alphanumeric).filter(|between| !between.is_empty());
    let mut separators =
        separators.map(|between| matches!(between, "." | "_" | "__") || between.chars().all(|c| c == '-'));
    separators.all(|known| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_accepted_with_or_without_port_and_path() {
        for text in [
            "registry.example",
            "registry.example/team/sub",
            "localhost",
            "localhost:5001",
            "kind-registry:5000/team",
            "127.0.0.2:5001/team",
            "[::1]:5001/team",
            "[fd00::2]/team",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a.b/c__d/e---f",
        ] {
            assert_eq!(parse(text), Ok(text.to_owned()));
        }
    }

    #[test]
    fn host_is_lower_case_and_a_last_slash_is_dropped() {
        assert_eq!(parse("LOCALHOST:5001/team/"), Ok("localhost:5001/team".to_owned()));
    }

    #[test]
    fn other_texts_are_rejected_with_the_reason() {
        for (text, reason) in [
            ("https://registry.example/team", InvalidRegistry::Scheme),
            ("", InvalidRegistry::Host),
            ("/team", InvalidRegistry::Host),
            ("::1/team", InvalidRegistry::Host),
            ("[::1/team", InvalidRegistry::Host),
            ("[::1]5001/team", InvalidRegistry::Host),
            ("user@registry.example", InvalidRegistry::Host),
            ("registry .example", InvalidRegistry::Host),
            ("registry_1.example", InvalidRegistry::Host),
            ("team", InvalidRegistry::NoHost),
            ("team/sub", InvalidRegistry::NoHost),
            ("localhost:", InvalidRegistry::Port),
            ("localhost:0", InvalidRegistry::Port),
            ("localhost:+5", InvalidRegistry::Port),
            ("localhost:05001", InvalidRegistry::Port),
            ("localhost:70000/team", InvalidRegistry::Port),
            ("registry.example/Team", InvalidRegistry::Path),
            ("registry.example//team", InvalidRegistry::Path),
            ("registry.example/team:latest", InvalidRegistry::Path),
            ("registry.example/a..b", InvalidRegistry::Path),
            (format!("registry.example/{}", "a".repeat(200)).as_str(), InvalidRegistry::TooLong),
        ] {
            assert_eq!(parse(text), Err(reason), "{text:?}");
        }
    }
}
