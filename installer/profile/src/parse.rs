//! Parses YAML text into a tree whose values have places.

use std::collections::HashSet;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::{
    Mistake, Place,
    mistake::{MistakeKind, Unreadable},
    node::{MapEntry, Node, Value},
};

/// Returns the place of a line and a column, both counted from 1.
pub(crate) type PlaceOf<'a> = &'a dyn Fn(usize, usize) -> Place;

/// Reads the one document in `text` that has a value. `Ok(None)` means that it has none.
///
/// A key written twice and an unsupported notation are added to `mistakes`, and parsing goes on; an error is a mistake
/// that makes the whole text unusable.
pub(crate) fn parse(
    text: &str,
    place_of: PlaceOf<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Result<Option<Node>, Box<Mistake>> {
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            let place = place_of(marker.line(), marker.col() + 1);
            Box::new(Mistake::new(&place, Unreadable::Syntax(error.info().clone())))
        })?;
        if !matches!(event, Event::Comment(..)) {
            events.push((event, span));
        }
    }
    let mut reader = YamlReader { events: events.into_iter().peekable(), place_of, mistakes };
    let mut documents = reader.documents();
    match documents.as_slice() {
        [] | [_] => Ok(documents.pop().map(|(_, node)| node)),
        [_, (_, second), ..] => {
            let place = second.place.clone();
            let lines = documents.iter().map(|(line, _)| *line).collect();
            Err(Box::new(Mistake::new(&place, Unreadable::Documents(lines))))
        }
    }
}

struct YamlReader<'text, 'out> {
    events: std::iter::Peekable<std::vec::IntoIter<(Event<'text>, Span)>>,
    place_of: PlaceOf<'out>,
    mistakes: &'out mut Vec<Mistake>,
}

impl YamlReader<'_, '_> {
    /// Returns every document that has a value, with the first line of that value.
    fn documents(&mut self) -> Vec<(usize, Node)> {
        let mut documents = Vec::new();
        while let Some((event, span)) = self.events.peek() {
            let line = span.start.line();
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {
                    drop(self.events.next());
                }
                _ => match self.node() {
                    Some(Node { value: Value::Null, .. }) | None => {}
                    Some(node) => documents.push((line, node)),
                },
            }
        }
        documents
    }

    /// Returns the next value, or `None` at the end of the list, map or document that it would be in.
    fn node(&mut self) -> Option<Node> {
        let (event, span) = self.events.next()?;
        let place = self.place(&span);
        let value = match event {
            Event::Scalar(text, style, _, _) => {
                let plain = matches!(style, ScalarStyle::Plain);
                if plain && matches!(&*text, "" | "~" | "null") {
                    Value::Null
                } else {
                    Value::Scalar { text: text.into_owned(), plain }
                }
            }
            Event::SequenceStart(..) => Value::List(std::iter::from_fn(|| self.node()).collect()),
            Event::MappingStart(..) => Value::Map(self.entries()),
            Event::Alias(_) => {
                self.mistakes.push(Mistake::new(&place, MistakeKind::Notation("aliases")));
                Value::Null
            }
            _ => return None,
        };
        Some(Node { place, value })
    }

    fn entries(&mut self) -> Vec<MapEntry> {
        let mut entries: Vec<MapEntry> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = self.node() {
            let Some(node) = self.node() else { break };
            let text = match key.value {
                Value::Scalar { text, plain: _ } => text,
                Value::Null | Value::List(_) | Value::Map(_) => {
                    self.mistakes
                        .push(Mistake::new(&key.place, MistakeKind::Notation("keys other than words")));
                    continue;
                }
            };
            if seen.insert(text.clone()) {
                entries.push(MapEntry { key: text, key_place: key.place, node });
            } else {
                self.mistakes.push(Mistake::new(&key.place, MistakeKind::DuplicateKey(text)));
            }
        }
        entries
    }

    fn place(&self, span: &Span) -> Place {
        (self.place_of)(span.start.line(), span.start.col() + 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<(Option<serde_json::Value>, Vec<String>), String> {
        let place_of = |line, column| Place::File { name: "f".to_owned(), line, column };
        let mut mistakes = Vec::new();
        parse(text, &place_of, &mut mistakes)
            .map(|node| (node.map(|node| node.to_json()), mistakes.iter().map(ToString::to_string).collect()))
            .map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn empty_documents_are_skipped() {
        for text in ["", "# mine\n", "---\n", "---\n---\n...\n", "~\n"] {
            assert_eq!(read(text), Ok((None, Vec::new())), "{text:?}");
        }
        let text = "# mine\n---\n---\na: 1\n---\n# end\n";
        assert_eq!(read(text), Ok((Some(json!({"a": 1})), Vec::new())));
    }

    #[test]
    fn several_documents_are_rejected_with_the_line_of_each() {
        let text = "a: 1\n---\n---\nb: 2\n---\nc: 3\n";
        assert_eq!(
            read(text),
            Err("f:4:1: 3 YAML documents, at lines 1, 4 and 6; a profile is one document".to_owned())
        );
    }

    #[test]
    fn byte_order_mark_and_carriage_returns_are_read() {
        assert_eq!(read("\u{feff}a: 1\r\nb: 'x'\r\n"), Ok((Some(json!({"a": 1, "b": "x"})), Vec::new())));
    }

    #[test]
    fn unsupported_notation_is_reported_and_the_rest_is_read() {
        let (node, mistakes) = read("a: &x {b: 1}\n<<: *x\n? [k]\n: 1\nc: 1\nc: 2\n").unwrap();
        assert_eq!(node, Some(json!({"a": {"b": 1}, "<<": null, "c": 1})));
        assert_eq!(
            mistakes,
            [
                "f:2:5: aliases are not supported in profiles",
                "f:3:3: keys other than words are not supported in profiles",
                "f:6:1: key \"c\" is written twice",
            ]
        );
    }

    #[test]
    fn deep_nesting_is_rejected() {
        assert!(read(&"[".repeat(100_000)).is_err());
        assert!(read(&"- ".repeat(100_000)).is_err());
    }
}
