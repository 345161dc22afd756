//! Asks the terminal where its cursor is. Lines can be edited only on a terminal that answers, and some never do, such as
//! one that a script plays.

use std::{
    io::{self, Write},
    ops::Range,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};

/// The question: the Device Status Report of ECMA-48. The answer is `ESC [ row ; column R`.
const QUESTION: &[u8] = b"\x1b[6n";
/// How long the answer may take: that of a terminal on the other side of the world takes about 300 ms.
const BOUND: Duration = Duration::from_secs(1);
/// How long one read waits for a key, in tenths of a second.
const READ: u8 = 1;
/// How many bytes of typed keys are kept.
const MOST: usize = 4096;
/// The end of the input in typed text, which is Ctrl-D.
pub(crate) const END: char = '\u{4}';

/// The result of the question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    /// Whether the terminal answered in time.
    pub(crate) answered: bool,
    /// The text that the user typed before the answer or the end of the time.
    pub(crate) typed: String,
}

/// Asks, and waits at most [`BOUND`]. A terminal that cannot be asked does not answer.
pub(super) fn ask() -> Asked {
    let Some(_raw) = Raw::start() else { return Asked::default() };
    let mut out = io::stdout().lock();
    if out.write_all(QUESTION).and_then(|()| out.flush()).is_err() {
        return Asked::default();
    }
    let begun = Instant::now();
    let mut bytes: Vec<u8> = Vec::new();
    let mut piece = [0_u8; 256];
    while report(&bytes).is_none() && bytes.len() < MOST && begun.elapsed() < BOUND {
        // Past the buffer of `io::stdin`, which would keep bytes that the editor reads from the terminal.
        match rustix::io::read(io::stdin(), &mut piece) {
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    let answer = report(&bytes);
    let answered = answer.is_some();
    bytes.drain(answer.unwrap_or_default());
    Asked { answered, typed: typed(&bytes) }
}

/// The terminal gives each key immediately and shows none, until this is dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn start() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        // Without signals, because a Ctrl-C would leave the terminal like this.
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = READ;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A closed terminal needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Returns the place of the answer in `bytes`.
fn report(bytes: &[u8]) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(found) = bytes[from..].windows(2).position(|pair| pair == b"\x1b[") {
        let start = from + found;
        let parameters = &bytes[start + 2..];
        let length = parameters.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        if length > 0 && parameters.get(length) == Some(&b'R') {
            return Some(start..start + 2 + length + 1);
        }
        from = start + 2;
    }
    None
}

/// Returns the text of typed keys, without control sequences and deleted characters.
fn typed(bytes: &[u8]) -> String {
    let mut kept = String::new();
    for key in without_sequences(&String::from_utf8_lossy(bytes)).chars() {
        match key {
            '\r' | '\n' => kept.push('\n'),
            END if kept.is_empty() || kept.ends_with(['\n', END]) => kept.push(END),
            '\u{8}' | '\u{7f}' if !kept.ends_with('\n') => {
                kept.pop();
            }
            // Ctrl-C and Ctrl-U.
            '\u{3}' | '\u{15}' => kept.truncate(kept.rfind('\n').map_or(0, |end| end + 1)),
            key if key.is_control() => {}
            key => kept.push(key),
        }
    }
    kept
}

/// Returns `text` without control sequences, such as `ESC [ A` of a key with an arrow, or an answer that came late.
pub(super) fn without_sequences(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\u{1b}' {
            kept.push(character);
            continue;
        }
        let mut sequence = rest.clone();
        if matches!(sequence.next(), Some('[' | 'O')) {
            for character in sequence.by_ref() {
                if ('@'..='~').contains(&character) {
                    break;
                }
            }
            rest = sequence;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_found_among_typed_keys() {
        assert_eq!(report(b"li\x1b[24;80Rst"), Some(2..10));
        for none in [&b""[..], b"list\n", b"\x1b[A", b"\x1b[R", b"\x1b[24;8", b"\x1b["] {
            assert_eq!(report(none), None, "{none:?}");
        }
        assert_eq!(report(b"\x1b[A\x1b[1;1R"), Some(3..9));
    }

    #[test]
    fn typed_text_has_no_control_sequences() {
        for (bytes, text) in [
            (&b"list\r"[..], "list\n"),
            (b"lisst\x7f\x7ft\n", "list\n"),
            (b"\x1b[Alist\x1bOB\n", "list\n"),
            (b"\x1b[24;80Rlist\n", "list\n"),
            (b"ls\nabc\x03list\n", "ls\nlist\n"),
            (b"\x7f\tlist", "list"),
            (b"list\n\x04", "list\n\x04"),
            (b"li\x04st", "list"),
            ("grüße\n".as_bytes(), "grüße\n"),
        ] {
            assert_eq!(typed(bytes), text, "{bytes:?}");
        }
    }
}
