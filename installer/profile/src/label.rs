//! Names and values of labels, taints and resources, by the rules of Kubernetes.

use devplat_api::dns::is_subdomain;

/// The longest value, and the longest name without its prefix.
const PART_MAX: usize = 63;

/// Returns whether `text` is a name such as `disk` or `example.com/disk`.
pub(crate) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_part(name),
        None => is_part(text),
    }
}

/// Returns whether `text` is the value of a label, which can be empty.
pub(crate) fn is_value(text: &str) -> bool {
    text.is_empty() || is_part(text)
}

fn is_part(text: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    text.len() <= PART_MAX
        && text.starts_with(end)
        && text.ends_with(end)
        && text.chars().all(|c| end(c) || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualified_names_have_a_prefix_or_none() {
        for text in ["disk", "kubernetes.io/arch", "nvidia.com/gpu", "A_b.c-d"] {
            assert!(is_qualified_name(text), "{text}");
        }
        for text in ["", "/a", "a/", "a/b/c", "Example.com/a", "-a", "a b", &"a".repeat(64)] {
            assert!(!is_qualified_name(text), "{text:?}");
        }
    }

    #[test]
    fn values_can_be_empty() {
        for text in ["", "true", "v1.2_3-x"] {
            assert!(is_value(text), "{text:?}");
        }
        for text in ["-a", "a-", "a/b", "a b", &"a".repeat(64)] {
            assert!(!is_value(text), "{text:?}");
        }
    }
}
