//! Keys that the user typed before the first prompt. Pure.

use super::editor::Input;
use crate::terminal::END;

/// The typed text that no line has taken yet.
#[derive(Debug, Default)]
pub(super) struct Ahead(String);

impl Ahead {
    pub(super) fn new(typed: String) -> Self {
        Self(typed)
    }

    /// Takes the next whole line, or the end of the input.
    pub(super) fn take_input(&mut self) -> Option<Input> {
        let (input, length) = match self.0.split_once('\n') {
            _ if self.0.starts_with(END) => (Input::End, END.len_utf8()),
            Some((line, _)) => (Input::Line(line.to_owned()), line.len() + 1),
            None => return None,
        };
        self.0.drain(..length);
        Some(input)
    }

    /// Takes the beginning of the line that the user is typing.
    pub(super) fn begun(&mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_lines_come_before_the_one_that_is_begun() {
        let mut ahead = Ahead::new("list\n\ndesc".to_owned());
        assert_eq!(ahead.take_input(), Some(Input::Line("list".to_owned())));
        assert_eq!(ahead.take_input(), Some(Input::Line(String::new())));
        assert_eq!(ahead.take_input(), None);
        assert_eq!(ahead.begun(), "desc");
        assert_eq!(ahead.begun(), "");
    }

    #[test]
    fn typed_end_ends_the_input() {
        let mut ahead = Ahead::new(format!("list\n{END}"));
        assert_eq!(ahead.take_input(), Some(Input::Line("list".to_owned())));
        assert_eq!(ahead.take_input(), Some(Input::End));
        assert_eq!(ahead.take_input(), None);
    }
}
