//! Rust or Go source as tokens, comments and strings included: parsers drop comments, and a search over lines takes a
//! string for a comment. It knows as much of both languages as that takes. Go differs in its raw strings only.

/// A token and the line that it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) line: usize,
    pub(crate) what: What<'a>,
}

/// The kinds of tokens that the linter distinguishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What<'a> {
    /// `// …`, with its slashes; `alone` if nothing precedes it on its line.
    LineComment { text: &'a str, alone: bool },
    /// `/* … */`, with its marks.
    BlockComment(&'a str),
    /// The text between the quotes of a string, with its escapes.
    Text(&'a str),
    /// The text of a raw string, which Go puts between backticks.
    RawText(&'a str),
    /// An identifier or a keyword.
    Word(&'a str),
    /// Any other character.
    Sign(char),
}

/// The tokens of `source`. Source that the compiler would reject gives tokens, too, only other ones.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, at: 0, line: 1, bare: true, tokens: Vec::new() };
    while lexer.at < source.len() {
        lexer.next();
    }
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    /// Whether only white space precedes on this line.
    bare: bool,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Takes `length` bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.line += taken.matches('\n').count();
        self.at += length;
        taken
    }

    fn next(&mut self) {
        let (rest, line, alone) = (self.rest(), self.line, self.bare);
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_whitespace() {
            self.bare |= first == '\n';
            self.take(first.len_utf8());
            return;
        }
        self.bare = false;
        let what = if rest.starts_with("//") {
            let text = self.take(rest.find('\n').unwrap_or(rest.len()));
            What::LineComment { text, alone }
        } else if rest.starts_with("/*") {
            What::BlockComment(self.take(block_comment(rest)))
        } else if let Some((opening, hashes)) = raw_string(rest) {
            self.take(opening);
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = self.rest().find(&end).unwrap_or(self.rest().len());
            let text = self.take(inside);
            self.take(end.len().min(self.rest().len()));
            What::RawText(text)
        } else if let Some(after) = rest.strip_prefix('`') {
            self.take(1);
            let text = self.take(after.find('`').unwrap_or(after.len()));
            self.take(1.min(self.rest().len()));
            What::RawText(text)
        } else if let Some(opening) = string(rest) {
            self.take(opening);
            let inside = closing(self.rest(), '"');
            let text = self.take(inside);
            self.take(1.min(self.rest().len()));
            What::Text(text)
        } else if let Some(length) = character(rest) {
            self.take(length);
            What::Sign('\'')
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            What::Word(self.take(length))
        } else {
            self.take(first.len_utf8());
            What::Sign(first)
        };
        self.tokens.push(Token { line, what });
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of `r#"`, `br"` and their like, and the number of hashes.
fn raw_string(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|after| after.starts_with('"') || after.starts_with('#'))
    })?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    // `r#type` is an identifier.
    after[hashes..].starts_with('"').then_some((prefix.len() + hashes + 1, hashes))
}

fn string(rest: &str) -> Option<usize> {
    ["\"", "b\"", "c\""].into_iter().find(|opening| rest.starts_with(opening)).map(str::len)
}

/// How far it is to the `end` that no backslash precedes.
fn closing(rest: &str, end: char) -> usize {
    let mut escaped = false;
    for (offset, character) in rest.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == end => return offset,
            _ => {}
        }
    }
    rest.len()
}

/// The length of `'x'`, `'\n'` or `b'x'`; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let prefix = usize::from(rest.starts_with("b'"));
    let after = rest[prefix..].strip_prefix('\'')?;
    let first = after.chars().next()?;
    let length = if first == '\\' { closing(after, '\'') } else { first.len_utf8() };
    after[length..].starts_with('\'').then_some(prefix + length + 2)
}

#[test]
fn comments_and_strings_are_distinguished() {
    let source =
        "let a = \"// no comment\"; // one\n/* two /* nested */ */ let b = r#\"a \"quoted\" word\"#;\n";
    let found: Vec<What> = tokens(source)
        .into_iter()
        .map(|token| token.what)
        .filter(|what| !matches!(what, What::Word(_) | What::Sign(_)))
        .collect();
    assert_eq!(
        found,
        [
            What::Text("// no comment"),
            What::LineComment { text: "// one", alone: false },
            What::BlockComment("/* two /* nested */ */"),
            What::RawText("a \"quoted\" word"),
        ]
    );
}

#[test]
fn raw_strings_of_go_end_at_a_backtick() {
    let source = "a := `one // \"two\nthree` // four\n";
    let found: Vec<Token> = tokens(source)
        .into_iter()
        .filter(|token| !matches!(token.what, What::Word(_) | What::Sign(_)))
        .collect();
    assert_eq!(
        found,
        [
            Token { line: 1, what: What::RawText("one // \"two\nthree") },
            Token { line: 2, what: What::LineComment { text: "// four", alone: false } },
        ]
    );
}

#[test]
fn quotes_of_characters_and_lifetimes_open_no_string() {
    let source = "fn a<'a>(x: &'a str) { x.find('\"'); x.find('\\''); b'\"'; } // end";
    let comments =
        tokens(source).into_iter().filter(|token| matches!(token.what, What::LineComment { .. })).count();
    assert_eq!(comments, 1);
    assert!(!tokens(source).iter().any(|token| matches!(token.what, What::Text(_))));
}

#[test]
fn lines_are_counted_through_strings() {
    let source = "let a = \"one\\\n two\";\n\n// four\n";
    let line = tokens(source).into_iter().find(|token| matches!(token.what, What::LineComment { .. }));
    assert_eq!(line.map(|token| token.line), Some(4));
}
