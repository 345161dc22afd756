//! Fits the message of a bar into the width of the terminal. Pure. Widths are in columns: a wide character takes two, and
//! a combining mark takes none.

use std::mem;

use unicode_width::UnicodeWidthChar;

/// The indentation of a message below its bar.
const INDENT: &str = "    ";
/// How many lines a message takes below its bar. More would push the bars of other steps off a small screen.
const LINES: usize = 2;
/// How many columns such a line has at least, however narrow the terminal is.
const NARROW: usize = 20;
/// Turns the symbol before it into an emoji, which is one column wider.
const EMOJI_SELECTOR: char = '\u{fe0f}';

/// Returns `message` as it stands after `used` columns of a bar, on a terminal of `width` columns: on the same line if it
/// fits, else on up to [`LINES`] lines of its own. A longer one loses its middle, because its end has the reason.
pub(super) fn fit(message: &str, used: usize, width: usize) -> String {
    // A control character could move the cursor.
    let words = message.split(|character: char| character.is_whitespace() || character.is_control());
    let message = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if used + width_of(&message) <= width {
        return message;
    }
    let room = width.saturating_sub(INDENT.len()).max(NARROW);
    let mut lines = wrapped(&message, room);
    if lines.len() > LINES {
        lines.truncate(LINES - 1);
        lines.push(format!("…{}", end(&message, room - 1)));
    }
    lines.into_iter().fold(String::new(), |text, line| text + "\n" + INDENT + &line)
}

/// Returns the columns that `text` takes at most: several emoji that are drawn as one take fewer.
pub(super) fn width_of(text: &str) -> usize {
    text.chars().map(width_added).sum()
}

/// Returns the columns that a character adds to its line at most.
fn width_added(character: char) -> usize {
    if character == EMOJI_SELECTOR { 1 } else { character.width().unwrap_or(0) }
}

/// Returns the end of `text` that fits into `room` columns.
fn end(text: &str, room: usize) -> &str {
    let mut used = 0;
    let fitting = text.char_indices().rev().take_while(|(_, character)| {
        used += width_added(*character);
        used <= room
    });
    let start = fitting.last().map_or(text.len(), |(start, _)| start);
    // A combining mark without its letter would change the character before the end.
    text[start..].trim_start_matches(|character: char| width_added(character) == 0)
}

/// Breaks `text` at spaces into lines of `room` columns. A word that is longer, such as a digest, is broken anywhere.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let (mut lines, mut line, mut free) = (Vec::new(), String::new(), room);
    for word in text.split(' ') {
        if !line.is_empty() {
            if width_of(word) < free {
                line.push(' ');
                free -= 1;
            } else {
                lines.push(mem::take(&mut line));
                free = room;
            }
        }
        for character in word.chars() {
            let added = width_added(character);
            if added > free {
                lines.push(mem::take(&mut line));
                free = room;
            }
            line.push(character);
            free = free.saturating_sub(added);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

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
        assert!(lines.len() == 3 && lines.iter().all(|line| line.width() <= 80), "{fitted}");
    }

    #[test]
    fn narrow_terminal_breaks_words() {
        let fitted = fit(&"x".repeat(30), 40, 10);
        assert_eq!(fitted, format!("\n    {}\n    {}", "x".repeat(20), "x".repeat(10)));
    }

    #[test]
    fn widths_are_in_columns() {
        for (text, columns) in [("pod", 3), ("日本語", 6), ("🚀", 2), ("cafe\u{301}", 4), ("⚠\u{fe0f}", 2)]
        {
            assert_eq!((width_of(text), text.width()), (columns, columns), "{text}");
        }
        assert_eq!(fit("日本語", 74, 80), "日本語");
        assert_eq!(fit("日本語", 75, 80), "\n    日本語");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for word in ["日本語", "🚀", "👩\u{200d}🔬", "⚠\u{fe0f}", "cafe\u{301}s", "x日"] {
            for message in [word.repeat(100), format!("{word} ").repeat(100)] {
                for width in 24..80 {
                    let fitted = fit(&message, 10, width);
                    assert_eq!(fitted.lines().count(), 1 + LINES, "{width}: {fitted}");
                    assert!(fitted.lines().all(|line| line.width() <= width), "{width}: {fitted}");
                    assert!(!fitted.contains("…\u{301}"), "{width}: {fitted}");
                }
            }
        }
    }

    #[test]
    fn control_characters_are_left_out() {
        assert_eq!(fit("a\u{1b}[2Kb\u{7}", 0, 80), "a [2Kb");
    }
}
