//! Documentation that only repeats the name below it, such as `/// The plan.` above `plan`. Help texts, which the command
//! line prints, end without a dot and stay.

use crate::{
    lexer::{Token, What},
    text::{Block, Kind},
};

/// Words that add nothing to a name.
const EMPTY: &[&str] = &["the", "a", "an", "its", "their", "returns"];
/// Keywords that stand before the name of an item or between it and the documentation.
const BEFORE: &[&str] = &[
    "pub", "async", "unsafe", "const", "static", "fn", "struct", "enum", "union", "trait", "type", "mod",
    "mut",
];

/// The documentation of one line whose words are those of the name below it.
pub(crate) fn echoes(tokens: &[Token]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (index, Token { line, what }) in tokens.iter().enumerate() {
        let Some(text) = documentation(what) else { continue };
        let after = &tokens[index + 1..];
        let above = index.checked_sub(1).and_then(|above| documentation(&tokens[above].what));
        let below = after.first().and_then(|below| documentation(&below.what));
        let name = above.or(below).is_none().then(|| name(after)).flatten();
        let is_help = !text.ends_with('.');
        if !is_help && name.is_some_and(|name| words_of_text(text) == words_of_name(name)) {
            blocks.push(Block::line(Kind::Echo, *line, text));
        }
    }
    blocks
}

fn documentation<'a>(what: &What<'a>) -> Option<&'a str> {
    match what {
        What::LineComment { text, alone: true } => {
            text.strip_prefix("///").filter(|text| !text.starts_with('/'))
        }
        What::LineComment { .. }
        | What::BlockComment(_)
        | What::Text(_)
        | What::RawText(_)
        | What::Word(_)
        | What::Sign(_) => None,
    }
}

/// The name of the item, field or variant that `tokens` begin with.
fn name<'a>(mut tokens: &[Token<'a>]) -> Option<&'a str> {
    loop {
        let (first, after) = tokens.split_first()?;
        tokens = match (&first.what, after.first().map(|next| &next.what)) {
            (What::Sign('#'), Some(What::Sign('['))) => past(after, '[', ']')?,
            (What::Word("pub"), Some(What::Sign('('))) => past(after, '(', ')')?,
            (What::Word(word), _) if BEFORE.contains(word) => after,
            (What::Word(word), _) => return Some(word),
            _ => return None,
        };
    }
}

/// The tokens after the bracket that closes the first one.
fn past<'a, 'b>(tokens: &'b [Token<'a>], opening: char, closing: char) -> Option<&'b [Token<'a>]> {
    let mut depth = 0_usize;
    for (index, Token { what, .. }) in tokens.iter().enumerate() {
        match what {
            What::Sign(sign) if *sign == opening => depth += 1,
            What::Sign(sign) if *sign == closing && depth == 1 => return Some(&tokens[index + 1..]),
            What::Sign(sign) if *sign == closing => depth -= 1,
            _ => {}
        }
    }
    None
}

fn words_of_text(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).filter(|word| !EMPTY.contains(&word.as_str())).collect()
}

/// The words of `media_type`, `MEDIA_TYPE` or `MediaType`.
fn words_of_name(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for character in name.chars() {
        let begins = before == '_' || (character.is_uppercase() && !before.is_uppercase());
        if begins && character != '_' {
            words.push(String::new());
        }
        if let (Some(word), true) = (words.last_mut(), character != '_') {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words
}

#[test]
fn documentation_that_repeats_the_name_is_found() {
    let source = "/// The media type.\n#[serde(rename = \"a\")]\npub(crate) media_type: String,\n\
                  /// A running step.\npub struct RunningStep;\n/// `--take-over`.\nTakeOver,\n\
                  /// Returns its id.\npub async fn id() {}\n";
    let tokens = crate::lexer::tokens(source);
    let found: Vec<(usize, String)> =
        echoes(&tokens).into_iter().map(|block| (block.line_at(0), block.text)).collect();
    let expected =
        [(1, "The media type."), (4, "A running step."), (6, "`--take-over`."), (8, "Returns its id.")];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn documentation_that_adds_something_is_not_found() {
    let source = "/// The limit in bytes.\nlimit: u64,\n/// The plan.\n/// It is pure.\nplan: Plan,\n\
                  // The plan.\nplan: Plan,\n/// The plan\nplan: Plan,\n/// The steps.\nplan: Plan,\n/// The end.\n";
    assert!(echoes(&crate::lexer::tokens(source)).is_empty());
}
