//! DNS names, as Kubernetes checks the names of objects (RFC 1123).

/// The longest DNS label.
pub const LABEL_MAX: usize = 63;
/// The longest DNS subdomain.
pub const SUBDOMAIN_MAX: usize = 253;

/// Returns whether `text` has the characters of a DNS label: lowercase letters, digits and `-`, with a letter or digit at
/// both ends. The length is left to the caller, because Kubernetes limits it only for a label that is not part of a
/// subdomain.
pub fn is_label_of_any_length(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || c == '-')
}

/// Returns whether `text` is a DNS label.
pub fn is_label(text: &str) -> bool {
    text.len() <= LABEL_MAX && is_label_of_any_length(text)
}

/// Returns whether `text` is a DNS subdomain: labels with dots between them.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= SUBDOMAIN_MAX && text.split('.').all(is_label_of_any_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_begin_and_end_with_a_letter_or_digit() {
        for text in ["a", "7", "my-dev-2", &"a".repeat(LABEL_MAX)] {
            assert!(is_label(text), "{text}");
        }
        for text in ["", "A", "a.b", "a_b", "-a", "a-", "ä", "a b", &"a".repeat(LABEL_MAX + 1)] {
            assert!(!is_label(text), "{text:?}");
        }
    }

    #[test]
    fn subdomains_are_labels_with_dots() {
        for text in ["gp2", "local-path", "a.b-c.example", &"a".repeat(SUBDOMAIN_MAX)] {
            assert!(is_subdomain(text), "{text}");
        }
        for text in ["", "Gp2", "a_b", ".a", "a.", "a..b", "a-.b", "-a", &"a".repeat(SUBDOMAIN_MAX + 1)] {
            assert!(!is_subdomain(text), "{text:?}");
        }
    }
}
