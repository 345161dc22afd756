//! Captures a child's output: all of it up to a limit, or its end.

use std::{collections::VecDeque, io};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The number of bytes that are kept of standard error: the last lines name the reason of a failure.
const TAIL_LIMIT: usize = 64 << 10;
/// The longest line that is passed on uncut.
const LINE_LIMIT: usize = 8 << 10;
/// How many of a failed program's last lines an error shows.
const SHOWN_LINES: usize = 12;

/// Splits a stream into lines.
struct Lines<T> {
    line: Vec<u8>,
    tell: T,
}

impl<T: FnMut(&str)> Lines<T> {
    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.end();
            } else if self.line.len() < LINE_LIMIT {
                self.line.push(byte);
            }
        }
    }

    fn end(&mut self) {
        (self.tell)(String::from_utf8_lossy(&self.line).trim_end());
        self.line.clear();
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end();
        }
    }
}

/// All bytes of a stream, up to a limit.
pub(super) struct Everything<T> {
    limit: usize,
    kept: Vec<u8>,
    lines: Lines<T>,
}

impl<T: FnMut(&str)> Everything<T> {
    pub(super) fn new(limit: usize, tell: T) -> Self {
        Self { limit, kept: Vec::new(), lines: Lines { line: Vec::new(), tell } }
    }

    /// Reads to the end of the stream, and returns whether its length was within the limit.
    pub(super) async fn read(&mut self, mut from: impl AsyncRead + Unpin) -> io::Result<bool> {
        let mut buffer = vec![0; 32 << 10];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                self.lines.finish();
                return Ok(true);
            }
            if self.kept.len() + read > self.limit {
                return Ok(false);
            }
            self.kept.extend_from_slice(&buffer[..read]);
            self.lines.take(&buffer[..read]);
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

/// The end of a stream.
pub(super) struct Tail<T> {
    kept: VecDeque<u8>,
    lines: Lines<T>,
}

impl<T: FnMut(&str)> Tail<T> {
    pub(super) fn new(tell: T) -> Self {
        Self { kept: VecDeque::new(), lines: Lines { line: Vec::new(), tell } }
    }

    pub(super) async fn read(&mut self, mut from: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut buffer = vec![0; 8 << 10];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                self.lines.finish();
                return Ok(());
            }
            self.kept.extend(&buffer[..read]);
            let over = self.kept.len().saturating_sub(TAIL_LIMIT);
            self.kept.drain(..over);
            self.lines.take(&buffer[..read]);
        }
    }

    pub(super) fn text(&self) -> String {
        let (first, second) = self.kept.as_slices();
        String::from_utf8_lossy(&[first, second].concat()).into_owned()
    }

    pub(super) fn last_lines(&self) -> String {
        last_lines(&self.text())
    }
}

/// Returns the last nonempty lines of a text, for a message.
pub(crate) fn last_lines(text: &str) -> String {
    let text = without_colours(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

/// Removes the escape sequences of colours.
pub(crate) fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once(|letter: char| letter.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    plain + rest
}
