//! The prose of Rust and Go source: comments, messages, the same of scripts in raw strings, and names of tests.

use std::ops::Range;

use crate::{
    echo::echoes,
    lexer::{Token, What, tokens},
    message::message,
    shell,
    text::{Block, Kind, Paragraphs},
};

/// The prose of `source`. In a file of tests, every function whose name has four words or more counts as a test: the
/// harness of tests/kind takes plain functions.
pub(crate) fn blocks(source: &str, of_tests: bool) -> Vec<Block> {
    let tokens = tokens(source);
    let mut blocks = comments(&tokens);
    blocks.extend(echoes(&tokens));
    blocks.extend(messages(&tokens));
    blocks.extend(names(&tokens, of_tests));
    blocks
}

fn comments(tokens: &[Token]) -> Vec<Block> {
    let mut blocks = Vec::new();
    // The comment that is open, with its mark and its last line: lines with one mark belong together.
    let mut open: Option<(&str, usize, Paragraphs)> = None;
    let mut end = |open: &mut Option<(&str, usize, Paragraphs)>| {
        blocks.extend(open.take().map(|(_, _, paragraphs)| paragraphs.finish()).unwrap_or_default());
    };
    for Token { line, what } in tokens {
        match what {
            What::LineComment { text, alone } => {
                let (mark, kind) = mark(text);
                let goes_on = *alone
                    && open.as_ref().is_some_and(|(before, last, _)| *before == mark && last + 1 == *line);
                if !goes_on {
                    end(&mut open);
                }
                let (_, last, paragraphs) = open.get_or_insert_with(|| (mark, *line, Paragraphs::new(kind)));
                *last = *line;
                paragraphs.line(*line, &text[mark.len()..]);
            }
            What::BlockComment(text) => {
                let (text, kind) = (text.trim_matches(['/', '*', '!']), Kind::Comment);
                let mut paragraphs = Paragraphs::new(kind);
                for (index, part) in text.lines().enumerate() {
                    paragraphs.line(line + index, part.trim().trim_start_matches("* "));
                }
                end(&mut open);
                open = Some(("/*", *line, paragraphs));
            }
            What::Text(_) | What::RawText(_) | What::Word(_) | What::Sign(_) => {}
        }
    }
    end(&mut open);
    blocks
}

fn mark(comment: &str) -> (&'static str, Kind) {
    if comment.starts_with("//!") {
        ("//!", Kind::Doc)
    } else if comment.starts_with("///") && !comment.starts_with("////") {
        ("///", Kind::Doc)
    } else {
        ("//", Kind::Comment)
    }
}

fn messages(tokens: &[Token]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let hints = hints(tokens);
    for (index, Token { line, what }) in tokens.iter().enumerate() {
        let text = match what {
            // Over several lines it is a script or a configuration file; both have comments after `#`.
            What::RawText(text) if text.contains('\n') => {
                blocks.extend(shell::blocks(text, *line));
                continue;
            }
            What::Text(text) | What::RawText(text) => *text,
            _ => continue,
        };
        let of_hint = hints.iter().any(|function| function.contains(&index));
        let kind = if of_hint || is_error(&tokens[..index]) { Kind::Error } else { Kind::Message };
        blocks.extend(message(kind, *line, text));
    }
    blocks
}

/// The functions `hint` and `hints`, which return the texts of hints.
fn hints(tokens: &[Token]) -> Vec<Range<usize>> {
    let begins = |pair: &[Token]| {
        matches!(
            pair,
            [Token { what: What::Word("fn"), .. }, Token { what: What::Word("hint" | "hints"), .. }]
        )
    };
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| begins(pair)).map(|(start, _)| start);
    starts.map(|start| start..start + function(&tokens[start..])).collect()
}

/// The number of tokens of the function that `tokens` begin with.
fn function(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (index, Token { what, .. }) in tokens.iter().enumerate() {
        match what {
            What::Sign('{') => depth += 1,
            What::Sign('}') if depth <= 1 => return index,
            What::Sign('}') => depth -= 1,
            // A method of a trait may have no body.
            What::Sign(';') if depth == 0 => return index,
            _ => {}
        }
    }
    tokens.len()
}

/// The tokens of the longest opening that [`is_error`] knows.
const OPENING: usize = 13;

/// Whether the tokens end with the opening of an error or a hint: `error(`, `Failure::new(Exit::Usage,` or `.hint(`,
/// with or without `format!(` after it.
fn is_error(before: &[Token]) -> bool {
    let mut code = String::new();
    for Token { what, .. } in &before[before.len().saturating_sub(OPENING)..] {
        match what {
            What::Word(word) => code.push_str(word),
            What::Sign(sign) => code.push(*sign),
            What::LineComment { .. } | What::BlockComment(_) | What::Text(_) | What::RawText(_) => {}
        }
        code.push(' ');
    }
    let code = code.strip_suffix("format ! ( ").unwrap_or(&code);
    let is_failure = code
        .strip_suffix(", ")
        .and_then(|code| code.rsplit_once("Failure : : new ( "))
        .is_some_and(|(_, exit)| !exit.contains([',', '(']));
    is_failure || code.ends_with(" error ( ") || code.ends_with(" . hint ( ")
}

fn names(tokens: &[Token], of_tests: bool) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut test = false;
    for (index, Token { line, what }) in tokens.iter().enumerate() {
        match (what, &tokens[..index]) {
            // `#[test]` and `#[tokio::test]`, also with arguments.
            (
                What::Word("test"),
                [.., Token { what: What::Sign('#'), .. }, Token { what: What::Sign('['), .. }]
                | [.., Token { what: What::Word("tokio"), .. }, _, _],
            ) => test = true,
            (What::Word(name), [.., Token { what: What::Word("fn"), .. }]) => {
                let words = name.split('_').filter(|word| !word.is_empty()).count();
                if test || (of_tests && words >= 4) {
                    blocks.push(Block::line(Kind::TestName, *line, &name.replace('_', " ")));
                }
                test = false;
            }
            _ => {}
        }
    }
    blocks
}

#[test]
fn lines_of_a_comment_are_one_paragraph_until_an_empty_one() {
    let source =
        "/// One line\n/// and its end.\n///\n/// Another `code`.\nfn a() {}\nlet x = 1; // By itself.\n";
    let found: Vec<(Kind, String)> =
        blocks(source, false).into_iter().map(|block| (block.kind, block.text)).collect();
    assert_eq!(
        found,
        [
            (Kind::Doc, "One line and its end.".to_owned()),
            (Kind::Doc, "Another X.".to_owned()),
            (Kind::Comment, "By itself.".to_owned()),
        ]
    );
}

#[test]
fn strings_with_several_words_are_messages() {
    let source = "#[error(\"{path} is not a file\")]\nstruct A; let b = \"one/word\"; show(\"two `code` words here\");";
    let found: Vec<(Kind, String)> =
        blocks(source, false).into_iter().map(|block| (block.kind, block.text)).collect();
    assert_eq!(
        found,
        [(Kind::Error, "X is not a file".to_owned()), (Kind::Message, "two X words here".to_owned()),]
    );
}

#[test]
fn failures_and_hints_are_errors() {
    let source = "Failure::new(Exit::Usage, \"no name\").hint(format!(\"add {flag}\"));\n\
                  Failure::new(exit, format!(\"{name} is taken\")).while_doing(\"three words here\");\n\
                  Failure::new(exit(name, \"also three words\"), why); value_hint(\"three words again\");";
    let found: Vec<(Kind, String)> =
        blocks(source, false).into_iter().map(|block| (block.kind, block.text)).collect();
    assert_eq!(
        found,
        [
            (Kind::Error, "no name".to_owned()),
            (Kind::Error, "add X".to_owned()),
            (Kind::Error, "X is taken".to_owned()),
            (Kind::Message, "three words here".to_owned()),
            (Kind::Message, "also three words".to_owned()),
            (Kind::Message, "three words again".to_owned()),
        ]
    );
}

#[test]
fn strings_in_functions_for_hints_are_errors() {
    let source = "trait A { fn hint(&self) -> String; }\nfn b() { show(\"three words here\"); }\n\
                  fn hints(&self) -> Vec<String> { match self { C => vec![\"start it\".to_owned()] } }\n\
                  fn d() { show(\"also three words\"); }";
    let found: Vec<(Kind, String)> =
        blocks(source, false).into_iter().map(|block| (block.kind, block.text)).collect();
    assert_eq!(
        found,
        [
            (Kind::Message, "three words here".to_owned()),
            (Kind::Error, "start it".to_owned()),
            (Kind::Message, "also three words".to_owned()),
        ]
    );
}

#[test]
fn scripts_in_raw_strings_are_read_where_they_stand() {
    let source = "run(\n    r#\"\n    # One comment\n    # on two lines.\n    python3 - <<P\n# Another one.\nP\n    \
                  true # The reason.\n    fail \"no such file here\"\n    \"#,\n);\n";
    let found: Vec<(Kind, usize, String)> =
        blocks(source, false).into_iter().map(|block| (block.kind, block.line_at(0), block.text)).collect();
    assert_eq!(
        found,
        [
            (Kind::Comment, 3, "One comment on two lines.".to_owned()),
            (Kind::Comment, 6, "Another one.".to_owned()),
            (Kind::Comment, 8, "The reason.".to_owned()),
            (Kind::Message, 9, "no such file here".to_owned()),
        ]
    );
}

#[test]
fn test_functions_are_names_and_others_are_not() {
    let source = "#[test]\nfn one_two() {}\n#[tokio::test(start_paused = true)]\nasync fn three_four() {}\n\
                  fn helper_of_the_tests() {}";
    let names =
        |of_tests| -> Vec<String> { blocks(source, of_tests).into_iter().map(|block| block.text).collect() };
    assert_eq!(names(false), ["one two", "three four"]);
    assert_eq!(names(true), ["one two", "three four", "helper of the tests"]);
}
