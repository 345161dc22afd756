//! A stretch of prose and the lines that it came from.

/// Where prose stands; some rules hold in some places only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A paragraph, a heading, a list entry or a table cell of a document.
    Document,
    /// A comment that is not part of the documentation.
    Comment,
    /// A `///` or `//!` comment.
    Doc,
    /// A string literal with several words in it.
    Message,
    /// The text of `#[error("…")]`, `Failure::new(…, "…")` or `.hint("…")`, and each in a function `hint` or `hints`.
    Error,
    /// A `///` comment that only repeats the name below it.
    Echo,
    /// The name of a test, its underscores as spaces.
    TestName,
}

/// A stretch of prose on one line, with code in it replaced.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// Offset in `text` and line of the file, ascending.
    lines: Vec<(usize, usize)>,
}

impl Block {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, text: String::new(), lines: Vec::new() }
    }

    /// A block of one line.
    pub(crate) fn line(kind: Kind, line: usize, text: &str) -> Self {
        let mut block = Self::new(kind);
        block.push(line, text);
        block
    }

    /// Adds a line, after a space.
    pub(crate) fn push(&mut self, line: usize, text: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.lines.push((self.text.len(), line));
        self.text.push_str(text.trim());
    }

    /// The line of the file that holds the byte `offset` of the text.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        let before = self.lines.iter().rev().find(|(start, _)| *start <= offset);
        before.or(self.lines.first()).map_or(0, |(_, line)| *line)
    }

    /// The same block with `` `code` `` and `[links](…)` reduced, so that no rule looks into them. A code span may
    /// go over the end of a line.
    pub(crate) fn without_code(mut self) -> Self {
        let mut kept = String::with_capacity(self.text.len());
        let mut lines = self.lines.iter().peekable();
        let mut moved = Vec::new();
        let (mut code, mut last) = (false, '\0');
        for (offset, character) in self.text.char_indices() {
            while let Some((_, line)) = lines.next_if(|(start, _)| *start <= offset) {
                moved.push((kept.len(), *line));
            }
            match character {
                '`' if code => code = false,
                '`' => {
                    code = true;
                    if last != '`' {
                        kept.push('X');
                    }
                }
                _ if code => {}
                _ => kept.push(character),
            }
            last = character;
        }
        self.text = kept;
        self.lines = moved;
        self
    }
}

/// Collects lines into paragraphs: an empty line, a list entry or a heading begins the next one.
#[derive(Debug)]
pub(crate) struct Paragraphs {
    kind: Kind,
    done: Vec<Block>,
    open: Block,
}

impl Paragraphs {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, done: Vec::new(), open: Block::new(kind) }
    }

    pub(crate) fn line(&mut self, line: usize, text: &str) {
        let text = text.trim();
        let entry = entry_of(text);
        if text.is_empty() || entry.is_some() {
            self.end();
        }
        if !text.is_empty() {
            self.open.push(line, entry.unwrap_or(text));
        }
        if text.starts_with('#') {
            self.end();
        }
    }

    /// Ends the paragraph.
    pub(crate) fn end(&mut self) {
        let open = std::mem::replace(&mut self.open, Block::new(self.kind));
        if !open.text.is_empty() {
            self.done.push(open.without_code());
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Block> {
        self.end();
        self.done
    }
}

/// The text after the mark of a list entry or a heading.
fn entry_of(text: &str) -> Option<&str> {
    let numbered = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if numbered.len() < text.len() && numbered.starts_with(". ") {
        return Some(&numbered[2..]);
    }
    let hashes = text.trim_start_matches('#');
    if hashes.len() < text.len() && hashes.starts_with(' ') {
        return Some(hashes.trim_start());
    }
    text.strip_prefix("- ").or_else(|| text.strip_prefix("* "))
}
