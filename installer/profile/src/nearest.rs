//! Guesses which known word an unknown one was meant to be.

/// Characters that may differ in a word of any length.
const MOST_EDITS: usize = 3;

/// Returns the word nearest to `word`, if it is near enough to have been meant: a third of its characters may differ,
/// three at most.
pub(crate) fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let word = word.to_lowercase();
    words
        .into_iter()
        // A word of a very different length cannot be near, and comparing long words is slow.
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= MOST_EDITS)
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= (word.len().max(candidate.len()) / 3).min(MOST_EDITS))
        // Among words with equally many edits, prefer the one that begins like `word`.
        .min_by(|(one, a), (other, b)| {
            one.cmp(other)
                .then_with(|| strsim::jaro_winkler(&word, b).total_cmp(&strsim::jaro_winkler(&word, a)))
        })
        .map(|(_, candidate)| candidate.to_owned())
}

/// Returns the first word that begins or ends with `part`, such as `sshKeys` for `keys`.
pub(crate) fn containing<'a>(part: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let part = part.to_lowercase();
    let contains = |word: &str| word.starts_with(&part) || word.ends_with(&part);
    let mut words = words.into_iter().filter(|word| part.len() >= 3 && contains(&word.to_lowercase()));
    words.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_slips_are_recognised() {
        for (word, meant) in [
            ("knd", "kind"),
            ("knid", "kind"),
            ("resorces", "resources"),
            ("operatr", "operator"),
            ("Operator", "operator"),
            ("port", "port"),
        ] {
            let words = ["k3d", "kind", "operator", "resources", "sshKeys", "port"];
            assert_eq!(nearest(word, words).as_deref(), Some(meant), "{word}");
        }
    }

    #[test]
    fn far_words_are_not_guessed() {
        for (word, words) in [
            ("PORT", ["DESCRIPTION", "OPERATOR_REPLICAS"]),
            ("SERVICE_HOST", ["CLUSTER_CONTEXT", "BASTION_HOST_NAMES"]),
            ("k8s", ["kind", "existing"]),
            ("x", ["k3d", "kind"]),
        ] {
            assert_eq!(nearest(word, words), None, "{word}");
        }
    }

    #[test]
    fn part_of_a_word_is_recognised() {
        assert_eq!(containing("keys", ["groups", "sshKeys"]).as_deref(), Some("sshKeys"));
        assert_eq!(containing("s", ["groups", "sshKeys"]), None);
    }
}
