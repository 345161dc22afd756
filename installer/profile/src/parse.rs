//! YAML text to a tree with places.

use granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::{
    Mistake, Place,
    node::{Entry, Node, Value},
};

/// Tells where a line and a column, both from 1, lie.
pub(crate) type PlaceOf<'a> = &'a dyn Fn(usize, usize) -> Place;

/// How the mistake begins that leaves nothing of a text.
pub(crate) const NOT_YAML: &str = "not YAML";

/// The one document in `text`.
///
/// What does not scan as YAML is one mistake, and the tree is then empty; a key written twice is one each.
pub(crate) fn parse(text: &str, place_of: PlaceOf<'_>, mistakes: &mut Vec<Mistake>) -> Node {
    let events: Result<Vec<(Event<'_>, Span)>, _> = Parser::new_from_str(text).collect();
    let events = match events {
        Ok(events) => events,
        Err(error) => {
            let marker = error.marker();
            let place = place_of(marker.line(), marker.col() + 1);
            mistakes.push(Mistake { place, what: format!("{NOT_YAML}: {}", error.info()), nearest: None });
            return Node::map(place_of(1, 1));
        }
    };
    let events: Vec<_> =
        events.into_iter().filter(|(event, _)| !matches!(event, Event::Comment(..))).collect();
    let mut reader = Reader { events: events.into_iter().peekable(), place_of, mistakes };
    reader.document().unwrap_or_else(|| Node::map(place_of(1, 1)))
}

struct Reader<'text, 'out> {
    events: std::iter::Peekable<std::vec::IntoIter<(Event<'text>, Span)>>,
    place_of: PlaceOf<'out>,
    mistakes: &'out mut Vec<Mistake>,
}

impl Reader<'_, '_> {
    fn document(&mut self) -> Option<Node> {
        while let Some((event, _)) = self.events.peek() {
            match event {
                Event::StreamStart | Event::DocumentStart(..) => drop(self.events.next()),
                _ => return self.node(),
            }
        }
        None
    }

    /// The next value; nothing at the end of what holds it.
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
                let what = "aliases are not supported in profiles".to_owned();
                self.mistakes.push(Mistake { place: place.clone(), what, nearest: None });
                Value::Null
            }
            _ => return None,
        };
        Some(Node { place, value })
    }

    fn entries(&mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(key) = self.node() {
            let Some(node) = self.node() else { break };
            let Value::Scalar { text, plain: _ } = key.value else {
                let what = "a key must be a word".to_owned();
                self.mistakes.push(Mistake { place: key.place, what, nearest: None });
                continue;
            };
            if entries.iter().any(|entry| entry.key == text) {
                let what = format!("{text:?} is written twice");
                self.mistakes.push(Mistake { place: key.place, what, nearest: None });
                continue;
            }
            entries.push(Entry { key: text, key_place: key.place, node });
        }
        entries
    }

    fn place(&self, span: &Span) -> Place {
        (self.place_of)(span.start.line(), span.start.col() + 1)
    }
}
