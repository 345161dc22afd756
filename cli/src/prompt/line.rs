//! What a line at the prompt means. Pure.

/// What it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing, or a remark.
    Nothing,
    /// The end.
    Leave,
    /// A wish for help, about some verb or all.
    Help(Vec<String>),
    /// A verb with its arguments.
    Verb(Vec<String>),
    /// A quotation mark without a second one.
    Unfinished,
}

impl Line {
    /// What `text` means. Words are those of a shell, and nothing in them is expanded.
    pub(super) fn of(text: &str) -> Self {
        let Some(mut words) = shlex::split(text) else { return Self::Unfinished };
        // As it would be typed elsewhere.
        if words.first().is_some_and(|word| word == "devctl") {
            words.remove(0);
        }
        match words.first().map(String::as_str) {
            None => Self::Nothing,
            Some("exit" | "quit" | "logout") => Self::Leave,
            Some("help" | "?") => Self::Help(words.split_off(1)),
            Some(_) => Self::Verb(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn verbs_are_taken_with_and_without_the_programs_name() {
        assert_eq!(Line::of("list -o wide"), Line::Verb(words(&["list", "-o", "wide"])));
        assert_eq!(Line::of(" devctl  list"), Line::Verb(words(&["list"])));
        assert_eq!(Line::of("exec a -- echo 'b c'"), Line::Verb(words(&["exec", "a", "--", "echo", "b c"])));
    }

    #[test]
    fn nothing_is_done_about_nothing() {
        for text in ["", "   ", "# a remark", "devctl"] {
            assert_eq!(Line::of(text), Line::Nothing, "{text:?}");
        }
    }

    #[test]
    fn help_and_the_end_have_the_names_people_try() {
        assert_eq!(Line::of("help create"), Line::Help(words(&["create"])));
        assert_eq!(Line::of("?"), Line::Help(words(&[])));
        for text in ["exit", "quit", "logout"] {
            assert_eq!(Line::of(text), Line::Leave);
        }
    }

    #[test]
    fn unfinished_quotation_is_no_verb() {
        assert_eq!(Line::of("exec a -- echo 'b"), Line::Unfinished);
    }

    #[test]
    fn nothing_is_expanded() {
        assert_eq!(
            Line::of("ssh a -- '$HOME' *; id"),
            Line::Verb(words(&["ssh", "a", "--", "$HOME", "*;", "id"]))
        );
    }
}
