//! The only place that prints. What was asked for goes to standard output, everything else to standard error.

mod cursor;
mod progress;
mod size;

pub(crate) use cursor::{Asked, END};
pub(crate) use progress::Progress;

use std::io::{self, BufRead, IsTerminal, Write};

use k8s_openapi::jiff::Timestamp;
use owo_colors::OwoColorize;

use crate::{failure::Failure, invocation::Invocation, view::Look};

/// What devctl talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    input: bool,
    out: bool,
    err: bool,
    skill: Skill,
}

/// What a terminal understands, or is wanted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Skill {
    /// Plain lines.
    Lines,
    /// Lines that are edited.
    Editing,
    /// Colours too.
    Colours,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes.
    Yes,
    /// Anything else.
    No,
    /// Nobody can answer.
    NobodyThere,
}

impl Skill {
    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        match (set("TERM").as_deref(), set("NO_COLOR")) {
            (None | Some("dumb"), _) => Self::Lines,
            (Some(_), Some(_)) => Self::Editing,
            (Some(_), None) => Self::Colours,
        }
    }
}

impl Terminal {
    /// The one that devctl was started on.
    pub(crate) fn find(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            input: io::stdin().is_terminal(),
            out: io::stdout().is_terminal(),
            err: io::stderr().is_terminal(),
            skill: Skill::of(variable),
        }
    }

    /// Whether there is somebody to talk with.
    pub(crate) fn is_interactive(self) -> bool {
        self.input && self.out
    }

    /// Whether lines can be edited on it.
    pub(crate) fn can_edit(self) -> bool {
        self.is_interactive() && self.skill >= Skill::Editing
    }

    /// Asks the terminal for the position of its cursor, within a second.
    #[expect(clippy::unused_self, reason = "only the holder of the terminal may ask it")]
    pub(crate) fn ask_cursor(self) -> Asked {
        cursor::ask()
    }

    /// Whether there are colours at a prompt.
    pub(crate) fn has_colours(self) -> bool {
        self.out && self.skill == Skill::Colours
    }

    /// How texts for standard output should look.
    pub(crate) fn look(self) -> Look {
        Look {
            width: if self.out { size::columns(&io::stdout()) } else { None },
            colours: self.has_colours(),
            now: Timestamp::now(),
        }
    }

    /// Says what was asked for.
    #[expect(clippy::unused_self, reason = "who says something has been given the terminal")]
    pub(crate) fn say(self, text: &str) {
        if !text.is_empty() {
            // A reader that went away (`devctl list | head -1`) is no failure of ours.
            let _ = writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n'));
        }
    }

    /// Passes on what was asked for as it is, and says whether anybody still reads it.
    #[expect(clippy::unused_self, reason = "who says something has been given the terminal")]
    pub(crate) fn pass(self, bytes: &[u8]) -> bool {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).is_ok()
    }

    /// A remark, kept from programs.
    #[expect(clippy::unused_self, reason = "who says something has been given the terminal")]
    pub(crate) fn remark(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Prints a failure with its causes and its hints.
    pub(crate) fn tell(self, failure: &Failure, invocation: &Invocation) {
        self.remark(&told(failure, invocation, self.err && self.skill == Skill::Colours));
    }

    /// Asks a question that takes yes or no.
    pub(crate) fn confirm(self, question: &str) -> Answer {
        if !(self.input && self.err) {
            return Answer::NobodyThere;
        }
        match self.ask(&format!("{question} [y/N] ")) {
            Some(line) if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") => Answer::Yes,
            _ => Answer::No,
        }
    }

    /// A line typed behind `prompt`; nothing at the end of the input.
    #[expect(clippy::unused_self, reason = "who asks something has been given the terminal")]
    pub(crate) fn ask(self, prompt: &str) -> Option<String> {
        let mut err = io::stderr().lock();
        let _ = write!(err, "{prompt}").and_then(|()| err.flush());
        drop(err);
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(1..) => Some(cursor::without_sequences(&line)),
            Ok(0) | Err(_) => None,
        }
    }

    /// Tells how something goes on that takes time.
    pub(crate) fn progress(self, what: &str) -> Progress {
        Progress::new(what, self.err && self.skill >= Skill::Editing)
    }
}

/// Returns the text of a failure for a user that calls devctl like this.
pub(crate) fn told(failure: &Failure, invocation: &Invocation, colours: bool) -> String {
    let Failure { exit: _, message, causes, hints } = failure;
    let (error, hint) = if colours {
        ("error:".red().bold().to_string(), "hint:".cyan().bold().to_string())
    } else {
        ("error:".to_owned(), "hint:".to_owned())
    };
    // The cluster's words may hold anything.
    let safe = |text: &str| text.replace(|c: char| c.is_control() && c != '\n', " ").replace('\n', "\n    ");
    let mut lines = vec![format!("{error} {}", safe(message))];
    lines.extend(causes.iter().map(|cause| format!("  because: {}", safe(cause))));
    lines.extend(hints.iter().map(|text| format!("{hint} {}", safe(&text.text(invocation)))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::Exit, invocation::Way};

    fn skill(variables: &[(&str, &str)]) -> Skill {
        let set = |name: &str| variables.iter().find(|(key, _)| *key == name);
        Skill::of(|name| set(name).map(|(_, value)| (*value).to_owned()))
    }

    fn terminal(input: bool, out: bool, err: bool, skill: Skill) -> Terminal {
        Terminal { input, out, err, skill }
    }

    #[test]
    fn no_color_takes_the_colours_and_leaves_the_editing() {
        let xterm = ("TERM", "xterm");
        for (variables, wanted) in [
            (&[xterm][..], Skill::Colours),
            (&[xterm, ("NO_COLOR", "1")], Skill::Editing),
            // Set to nothing it says nothing: <https://no-color.org>.
            (&[xterm, ("NO_COLOR", "")], Skill::Colours),
            (&[("TERM", "dumb")], Skill::Lines),
            (&[("TERM", ""), ("NO_COLOR", "1")], Skill::Lines),
            (&[], Skill::Lines),
        ] {
            assert_eq!(skill(variables), wanted, "{variables:?}");
        }
        let plain = terminal(true, true, true, Skill::Editing);
        assert!(plain.can_edit() && !plain.has_colours() && !plain.look().colours);
        let coloured = terminal(true, true, true, Skill::Colours);
        assert!(coloured.can_edit() && coloured.has_colours() && coloured.look().colours);
    }

    #[test]
    fn what_goes_to_a_pipe_is_plain_whatever_the_terminal_can() {
        let piped = terminal(true, false, true, Skill::Colours);
        assert!(!piped.is_interactive() && !piped.can_edit() && !piped.has_colours());
        assert_eq!((piped.look().colours, piped.look().width), (false, None));
        let fed = terminal(false, true, true, Skill::Colours);
        assert!(!fed.is_interactive() && !fed.can_edit() && fed.has_colours());
        assert_eq!(fed.confirm("sure?"), Answer::NobodyThere);
    }

    #[test]
    fn failure_shows_its_causes_and_then_what_to_do() {
        let mut failure = Failure::new(Exit::NotReady, "dev server mydev is not ready").hint("wait a little");
        failure.causes.push("ImagePull: no such image\nat all\u{1b}[2J".to_owned());
        insta::assert_snapshot!(told(&failure, &Invocation::new(Way::Program), false), @r"
        error: dev server mydev is not ready
          because: ImagePull: no such image
            at all [2J
        hint: wait a little
        ");
        assert!(told(&failure, &Invocation::new(Way::Program), true).contains("\u{1b}[31m"));
    }
}
