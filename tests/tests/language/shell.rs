//! The prose of scripts, profiles, templates and TOML files: comments after `#`, and strings in double quotes.

use crate::{
    message::message,
    text::{Block, Kind, Paragraphs},
};

/// The prose of `text`.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut paragraphs = Paragraphs::new(Kind::Comment);
    let mut messages = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let trimmed = line.trim_start();
        if trimmed.starts_with("#!") || trimmed.starts_with("# shellcheck ") {
            continue;
        }
        if let Some(comment) = trimmed.strip_prefix('#') {
            paragraphs.line(number, comment);
            continue;
        }
        paragraphs.end();
        let (code, comment) = line.split_once(" # ").unwrap_or((line, ""));
        if !comment.is_empty() {
            messages.push(Block::line(Kind::Comment, number, comment).without_code());
        }
        for literal in code.split('"').skip(1).step_by(2) {
            messages.extend(message(Kind::Message, number, literal));
        }
    }
    let mut blocks = paragraphs.finish();
    blocks.extend(messages);
    blocks
}

#[test]
fn comments_and_messages_of_a_script_are_found() {
    let script = "#!/bin/sh\n# One comment\n# on two lines.\nfail \"no such file here\" # why\n";
    let found: Vec<String> = blocks(script).into_iter().map(|block| block.text).collect();
    assert_eq!(found, ["One comment on two lines.", "why", "no such file here"]);
}
