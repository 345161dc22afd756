//! The paths in an item: in types, expressions, patterns and, as far as tokens show them, in macros.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{Attribute, ItemMod, ItemUse, Macro, Path, UseTree, Visibility, visit::Visit};

/// A path and the line that it is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Used {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// Collects paths.
#[derive(Default)]
pub(crate) struct Paths {
    pub(crate) used: Vec<Used>,
    /// Leaves of `use` items inside of functions.
    pub(crate) local: Vec<(Option<String>, Used)>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(first) = path.segments.first() {
            let line = first.ident.span().start().line;
            let path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.used.push(Used { path, line });
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        tokens(call.tokens.clone(), &mut self.used);
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        flatten(&import.tree, &mut Vec::new(), &mut self.local);
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    // A module inside of a function: its paths are relative to itself.
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}
}

/// The paths of two segments and more in tokens: a single word may be anything there.
fn tokens(stream: TokenStream, used: &mut Vec<Used>) {
    let mut path: Vec<Ident> = Vec::new();
    let mut colons = 0;
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(&mut path, used);
                }
                path.push(ident);
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Punct(_) | TokenTree::Literal(_) => {
                end(&mut path, used);
                colons = 0;
            }
            TokenTree::Group(group) => {
                end(&mut path, used);
                colons = 0;
                tokens(group.stream(), used);
            }
        }
    }
    end(&mut path, used);
}

fn end(path: &mut Vec<Ident>, used: &mut Vec<Used>) {
    let taken = std::mem::take(path);
    if let (Some(first), true) = (taken.first(), taken.len() > 1) {
        let line = first.span().start().line;
        used.push(Used { path: taken.iter().map(ToString::to_string).collect(), line });
    }
}

/// The leaves of a `use`: the name that each brings in, `None` for `*`, and its path.
pub(crate) fn flatten(tree: &UseTree, before: &mut Vec<String>, leaves: &mut Vec<(Option<String>, Used)>) {
    let mut leaf = |name: Option<String>, ident: &Ident, path: Vec<String>| {
        leaves.push((name, Used { path, line: ident.span().start().line }));
    };
    let with = |ident: &Ident| {
        let mut path = before.clone();
        // `use a::b::{self}` names `a::b`.
        if ident != "self" || path.is_empty() {
            path.push(ident.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(inner) => {
            before.push(inner.ident.to_string());
            flatten(&inner.tree, before, leaves);
            before.pop();
        }
        UseTree::Name(name) => {
            let path = with(&name.ident);
            leaf(path.last().cloned(), &name.ident, path);
        }
        UseTree::Rename(rename) => leaf(Some(rename.rename.to_string()), &rename.ident, with(&rename.ident)),
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            leaves.push((None, Used { path: before.clone(), line }));
        }
        UseTree::Group(group) => {
            for inner in &group.items {
                flatten(inner, before, leaves);
            }
        }
    }
}
