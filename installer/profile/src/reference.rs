//! References of images, by the grammar of Docker and the kubelet, which reject others only when a container starts.

use crate::registry::{self, InvalidRegistry};

/// The longest name, without a tag and a digest.
const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;
/// Digests by algorithm, with the number of their hexadecimal digits.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// Why a text is not the reference of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidReference {
    #[error("leave out the scheme")]
    Scheme,
    #[error("a name has at most {NAME_MAX} characters")]
    TooLong,
    #[error(
        "each part of the name has lowercase letters, digits and single '.', '_' or '-' between them, as in registry.example/team/image:1.2"
    )]
    Name,
    #[error("64 hexadecimal digits are the id of an image, not its name")]
    Id,
    #[error(transparent)]
    Registry(#[from] InvalidRegistry),
    #[error("a tag has 1 to {TAG_MAX} letters, digits, '_', '.' and '-', and does not start with '.' or '-'")]
    Tag,
    #[error("a digest is sha256: and 64 hexadecimal digits in lower case")]
    Digest,
}

/// Checks `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
pub(crate) fn check(text: &str) -> Result<(), InvalidReference> {
    if text.contains("://") {
        return Err(InvalidReference::Scheme);
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let (name, tag) = match rest.rsplit_once(':') {
        // The colon of a port.
        Some((_, after)) if after.contains('/') => (rest, None),
        Some((name, tag)) => (name, Some(tag)),
        None => (rest, None),
    };
    check_name(name)?;
    match (tag.is_none_or(is_tag), digest.is_none_or(is_digest)) {
        (true, true) => Ok(()),
        (false, _) => Err(InvalidReference::Tag),
        (true, false) => Err(InvalidReference::Digest),
    }
}

fn check_name(name: &str) -> Result<(), InvalidReference> {
    if name.len() > NAME_MAX {
        return Err(InvalidReference::TooLong);
    }
    if name.len() == 64 && name.chars().all(is_hexadecimal) {
        return Err(InvalidReference::Id);
    }
    let path = match name.split_once('/') {
        Some((host, path)) if is_host(host) => {
            registry::parse(host)?;
            path
        }
        Some(_) | None => name,
    };
    if path.split('/').all(registry::is_segment) { Ok(()) } else { Err(InvalidReference::Name) }
}

/// Returns whether the first part of a name is a host and not a path of Docker Hub.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':', '[']) || first == "localhost"
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= TAG_MAX && text.starts_with(word) && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    let known = |(name, length): &(&str, usize)| *name == algorithm && digits.len() == *length;
    DIGESTS.iter().any(known) && digits.chars().all(is_hexadecimal)
}

fn is_hexadecimal(c: char) -> bool {
    matches!(c, '0'..='9' | 'a'..='f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_accepted_with_or_without_host_tag_and_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for text in [
            "debian",
            "kindest/node:v1.34.0",
            "mcr.microsoft.com/devcontainers/python:3.12-bookworm",
            "localhost/a",
            "localhost:5001/a:1",
            "[::1]:5001/a",
            "a/b_c/d__e:V1.0_x-y",
            &format!("registry.example/a@{digest}"),
            &format!("registry.example/a:1@{digest}"),
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected_with_the_reason() {
        for (text, reason) in [
            ("", InvalidReference::Name),
            ("-v", InvalidReference::Name),
            ("a b", InvalidReference::Name),
            ("a\n", InvalidReference::Name),
            ("Debian", InvalidReference::Name),
            ("a//b", InvalidReference::Name),
            ("a/", InvalidReference::Name),
            ("https://registry.example/a", InvalidReference::Scheme),
            ("registry.example:0/a", InvalidRegistry::Port.into()),
            ("registry_example.test/a", InvalidRegistry::Host.into()),
            ("-registry.example/a", InvalidRegistry::Host.into()),
            ("Team/image", InvalidReference::Name),
            ("a:", InvalidReference::Tag),
            ("a:-1", InvalidReference::Tag),
            ("a:b:c", InvalidReference::Name),
            ("a@sha256:00", InvalidReference::Digest),
            ("a@md5:00", InvalidReference::Digest),
            ("a".repeat(256).as_str(), InvalidReference::TooLong),
            (format!("a:{}", "b".repeat(129)).as_str(), InvalidReference::Tag),
            ("0a".repeat(32).as_str(), InvalidReference::Id),
        ] {
            assert_eq!(check(text), Err(reason), "{text:?}");
        }
    }
}
