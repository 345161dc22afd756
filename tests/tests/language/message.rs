//! Distinguishes strings that a person reads from strings that a program reads.

use crate::text::{Block, Kind};

/// How many words make a string a message.
const WORDS: usize = 3;

/// The block of a string literal, its placeholders and escapes replaced; `None` if it has fewer than three words.
pub(crate) fn message(kind: Kind, line: usize, literal: &str) -> Option<Block> {
    let mut block = Block::new(kind);
    for (index, part) in literal.split('\n').enumerate() {
        // A backslash at the end of a line takes the white space before the next word with it.
        let part = part.trim_end_matches('\\').replace("\\n", ". ").replace("\\\"", "\"");
        block.push(line + index, &without_placeholders(&part));
    }
    let block = block.without_code();
    let words = block
        .text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\'')))
        .count();
    (words >= WORDS || (kind == Kind::Error && !block.text.is_empty())).then_some(block)
}

/// `{name:?}` as `X`; `{{` is a brace.
fn without_placeholders(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        kept.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        if let Some(brace) = after.strip_prefix('{') {
            kept.push('{');
            rest = brace;
        } else if let Some(close) = after.find('}') {
            kept.push('X');
            rest = &after[close + 1..];
        } else {
            rest = after;
        }
    }
    kept.push_str(rest);
    kept
}

#[test]
fn placeholders_are_replaced_and_short_strings_left_out() {
    let text = |literal| message(Kind::Message, 1, literal).map(|block| block.text);
    assert_eq!(text("{path:?} is not {{a}} file"), Some("X is not {a}} file".to_owned()));
    assert_eq!(text("--flag=value"), None);
    assert_eq!(text("get pods"), None);
}
