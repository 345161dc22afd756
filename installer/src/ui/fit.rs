//! Fits the message of a bar into the width of the terminal. Pure.

use std::mem;

/// The indentation of a message below its bar.
const INDENT: &str = "    ";
/// How many lines a message takes below its bar. More would push the bars of other steps off a small screen.
const LINES: usize = 2;
/// How many columns such a line has at least, however narrow the terminal is.
const NARROW: usize = 20;

/// Returns `message` as it stands after `used` columns of a bar, on a terminal of `width` columns: on the same line if it
/// fits, else on up to [`LINES`] lines of its own. A longer one loses its middle, because its end has the reason.
pub(super) fn fit(message: &str, used: usize, width: usize) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = message.chars().count();
    if used + length <= width {
        return message;
    }
    let room = width.saturating_sub(INDENT.len()).max(NARROW);
    let mut lines = wrapped(&message, room);
    if lines.len() > LINES {
        lines.truncate(LINES - 1);
        let end: String = message.chars().skip(length - (room - 1)).collect();
        lines.push(format!("…{end}"));
    }
    lines.into_iter().fold(String::new(), |text, line| text + "\n" + INDENT + &line)
}

/// Breaks `text` at spaces into lines of `room` characters. A word that is longer, such as a digest, is broken anywhere.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let (mut lines, mut line, mut free) = (Vec::new(), String::new(), room);
    for word in text.split(' ') {
        if !line.is_empty() {
            if word.chars().count() < free {
                line.push(' ');
                free -= 1;
            } else {
                lines.push(mem::take(&mut line));
                free = room;
            }
        }
        for character in word.chars() {
            if free == 0 {
                lines.push(mem::take(&mut line));
                free = room;
            }
            line.push(character);
            free -= 1;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITING: &str = "waiting for Deployment devserver-bastion/bastion: 1 of 2 ready: image pull";

    #[test]
    fn message_that_fits_stays_on_the_line() {
        assert_eq!(fit("(about 20 s)", 68, 80), "(about 20 s)");
        assert_eq!(fit("a\nb", 0, 80), "a b");
    }

    #[test]
    fn reason_of_a_wait_is_visible_on_80_columns() {
        assert_eq!(fit(WAITING, 31, 80), format!("\n    {WAITING}"));
    }

    #[test]
    fn long_message_loses_its_middle() {
        let long = format!(
            "{WAITING}: registry.example/team/devplat-bastion@sha256:{}: no such tag",
            "0".repeat(64)
        );
        let fitted = fit(&long, 31, 80);
        let lines: Vec<&str> = fitted.lines().collect();
        assert_eq!(lines[..2], ["", &format!("    {WAITING}:")]);
        assert!(lines[2].starts_with("    …") && lines[2].ends_with("00: no such tag"), "{fitted}");
        assert!(lines.len() == 3 && lines.iter().all(|line| line.chars().count() <= 80), "{fitted}");
    }

    #[test]
    fn narrow_terminal_breaks_words() {
        let fitted = fit(&"x".repeat(30), 40, 10);
        assert_eq!(fitted, format!("\n    {}\n    {}", "x".repeat(20), "x".repeat(10)));
    }
}
