//! The prose of scripts, Dockerfiles, profiles, templates and TOML files: comments after `#`, strings in quotes, and the
//! here-documents that a script prints.

use crate::{
    message::message,
    text::{Block, Kind, Paragraphs},
};

/// The prose of `text`, which begins on line `first` of its file.
pub(crate) fn blocks(text: &str, first: usize) -> Vec<Block> {
    let mut paragraphs = Paragraphs::new(Kind::Comment);
    let mut messages = Vec::new();
    // The here-document that is open, with its delimiter.
    let mut open: Option<(&str, Paragraphs)> = None;
    for (index, line) in text.lines().enumerate() {
        let number = first + index;
        if let Some((delimiter, printed)) = &mut open {
            if line.trim() == *delimiter {
                messages.extend(open.take().map(|(_, printed)| printed.finish()).unwrap_or_default());
            } else {
                printed.line(number, line);
            }
            continue;
        }
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
        for literal in quoted(code) {
            messages.extend(message(Kind::Message, number, literal));
        }
        open = delimiter_of(code).map(|delimiter| (delimiter, Paragraphs::new(Kind::Message)));
    }
    let mut blocks = paragraphs.finish();
    blocks.extend(messages);
    blocks.extend(open.map(|(_, printed)| printed.finish()).unwrap_or_default());
    blocks
}

/// The strings in either kind of quotes. An apostrophe in a word opens none.
fn quoted(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // The quote that is open, and the offset after it.
    let mut open: Option<(char, usize)> = None;
    let mut before = ' ';
    for (offset, character) in code.char_indices() {
        match open {
            Some((quote, start)) if quote == character => {
                found.push(&code[start..offset]);
                open = None;
            }
            None if character == '"' || (character == '\'' && !before.is_alphanumeric()) => {
                open = Some((character, offset + 1));
            }
            Some(_) | None => {}
        }
        before = character;
    }
    // A string in double quotes may go on in the next line. One in single quotes is then a script.
    found.extend(open.filter(|(quote, _)| *quote == '"').map(|(_, start)| &code[start..]));
    found
}

/// The delimiter of a here-document that this line prints, as a `usage` does. One that goes to a file or to another
/// program is code.
fn delimiter_of(code: &str) -> Option<&str> {
    let word = code.trim().strip_prefix("cat <<")?.trim_end_matches(">&2").trim().trim_matches(['\'', '"']);
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    (!word.is_empty() && word.chars().all(is_name)).then_some(word)
}

#[test]
fn comments_and_messages_of_a_script_are_found() {
    let script = "#!/bin/sh\n# One comment\n# on two lines.\nfail \"no such file here\" # why\n";
    let found: Vec<String> = blocks(script, 1).into_iter().map(|block| block.text).collect();
    assert_eq!(found, ["One comment on two lines.", "why", "no such file here"]);
}

#[test]
fn strings_in_either_kind_of_quotes_are_found() {
    let script = "printf 'no such file here\\n'; show \"it's not \\$here either\"\nawk '{ print this and that }\n\
                  show \"one two three\nx: the users' own words here\n";
    let found: Vec<String> = blocks(script, 1).into_iter().map(|block| block.text).collect();
    assert_eq!(found, ["no such file here.", "it's not \\$here either", "one two three"]);
}

#[test]
fn printed_here_documents_are_paragraphs_and_others_are_code() {
    let script = "  cat <<'U'\nusage: run\n\nRuns it\non two lines. # All of it\nU\n# One.\ncat > file <<E\nanother = file\nE\n\
                  cat <<W >&2\nA warning.\nW\ncat <<<\"$b\"\ntrue # Two.\n";
    let found: Vec<(usize, String)> =
        blocks(script, 10).into_iter().map(|block| (block.line_at(0), block.text)).collect();
    let expected = [
        (16, "One."),
        (11, "usage: run"),
        (13, "Runs it on two lines. # All of it"),
        (21, "A warning."),
        (24, "Two."),
    ];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}
