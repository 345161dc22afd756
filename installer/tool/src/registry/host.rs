//! The registry that the name of an image begins with, by the rules of Docker's command.

/// Docker Hub's name in references; a reference without a registry means it.
pub const HUB: &str = "docker.io";

/// Returns the registry of an image.
pub fn registry_of(image: &str) -> &str {
    image.split_once('/').map(|(first, _)| first).filter(|first| is_host(first)).unwrap_or(HUB)
}

/// Returns whether the first part of a reference with a slash names a registry.
pub(super) fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost")
}
