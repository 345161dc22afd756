//! One value from `--set` or a variable, as a layer of its own.

use crate::{
    Mistake, Place,
    mistake::SetProblem,
    node::{MapEntry, Node, Value},
    parse::parse,
    path::{KeyPath, Segment},
    shape::Shape,
};

/// The target of a value.
pub(crate) struct OneValue<'a> {
    pub(crate) shape: &'a Shape,
    /// The layers below.
    pub(crate) merged: &'a Node,
    pub(crate) path: &'a KeyPath,
    pub(crate) place: &'a Place,
}

impl OneValue<'_> {
    /// Returns a layer that has the value `text` at the path and nothing else.
    pub(crate) fn layer(&self, text: &str) -> Result<Node, Vec<Mistake>> {
        let above = (0..self.path.segments().len()).map(|length| self.path.prefix(length));
        if let Some(path) = above.into_iter().find(|path| self.shape.at(path).is_some_and(Shape::is_scalar)) {
            return Err(vec![Mistake::new(self.place, SetProblem::Below { path })]);
        }
        let mut node = self.value(text)?;
        for (depth, segment) in self.path.segments().iter().enumerate().rev() {
            let value = match segment {
                Segment::Key(key) => {
                    Value::Map(vec![MapEntry { key: key.clone(), key_place: self.place.clone(), node }])
                }
                Segment::Index(index) => Value::List(self.list(&self.path.prefix(depth), *index, node)?),
            };
            node = Node { place: self.place.clone(), value };
        }
        Ok(node)
    }

    fn value(&self, text: &str) -> Result<Node, Vec<Mistake>> {
        let text = text.trim();
        let node = |value| Ok(Node { place: self.place.clone(), value });
        if matches!(text, "" | "~" | "null") {
            return node(Value::Null);
        }
        let mut mistakes = Vec::new();
        let read = parse(text, &|_, _| self.place.clone(), &mut mistakes);
        if self.shape.at(self.path).is_some_and(Shape::is_text) {
            // A text such as `[::1]:5001/team` is not parsed as YAML; only quotes around a text are YAML's.
            return match read {
                Ok(Some(Node { value: value @ Value::Scalar { plain: false, .. }, place: _ }))
                    if text.starts_with(['"', '\'']) =>
                {
                    node(value)
                }
                Ok(_) | Err(_) => node(Value::Scalar { text: text.to_owned(), plain: false }),
            };
        }
        match read {
            Err(mistake) => Err(vec![*mistake]),
            Ok(_) if !mistakes.is_empty() => Err(mistakes),
            Ok(Some(read)) => Ok(read),
            Ok(None) => node(Value::Null),
        }
    }

    /// Returns the list at `path` as the layers below have it, with `node` on top of the entry at `index` or appended.
    fn list(&self, path: &KeyPath, index: usize, node: Node) -> Result<Vec<Node>, Vec<Mistake>> {
        if !self.shape.at(path).is_some_and(Shape::is_list) {
            // This value is not a list. The check of the layer reports that.
            return Ok(vec![node]);
        }
        let mut nodes = match self.merged.at(path).map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes.clone(),
            Some(Value::Null | Value::Scalar { .. } | Value::Map(_)) | None => Vec::new(),
        };
        let length = nodes.len();
        match nodes.get_mut(index) {
            Some(entry) => entry.lay(node),
            None if index == length => nodes.push(node),
            None => {
                let problem = SetProblem::Index { path: path.clone(), length, index };
                return Err(vec![Mistake::new(self.place, problem)]);
            }
        }
        Ok(nodes)
    }
}
