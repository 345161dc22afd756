//! The prose of a document: paragraphs, list entries, cells of tables, and the comments of its shell commands.

use crate::text::{Block, Kind, Paragraphs};

/// The prose of `page`.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut paragraphs = Paragraphs::new(Kind::Document);
    let mut others = Vec::new();
    let mut fenced = false;
    for (index, line) in page.lines().enumerate() {
        let (number, text) = (index + 1, line.trim());
        if text.starts_with("```") {
            fenced = !fenced;
            paragraphs.end();
        } else if fenced {
            if let Some((_, comment)) = line.split_once("# ") {
                others.push(Block::line(Kind::Document, number, comment).without_code());
            }
        } else if text.starts_with('|') {
            paragraphs.end();
            for cell in text.split('|') {
                others.push(Block::line(Kind::Document, number, cell).without_code());
            }
        } else if text.starts_with("<!--") {
            paragraphs.end();
        } else {
            paragraphs.line(number, &line.replace("**", ""));
        }
    }
    let mut blocks = paragraphs.finish();
    blocks.extend(others);
    blocks
}

#[test]
fn code_is_left_out_and_cells_are_blocks() {
    let page = "# A title\n\nText with `code`\nover two lines.\n- entry\n\n```sh\nls   # list them\n```\n| a | b |\n";
    let found: Vec<String> = blocks(page).into_iter().map(|block| block.text).collect();
    assert_eq!(
        found.iter().map(String::as_str).filter(|text| !text.is_empty()).collect::<Vec<_>>(),
        ["A title", "Text with X over two lines.", "entry", "list them", "a", "b"]
    );
}
