//! The step from a path in the source to the module that defines the named item, through `use` and `pub use`.

use std::collections::BTreeMap;

use crate::{
    folders::Folder,
    modules::{Crate, Module},
    paths::Used,
};

/// How many imports a path may go through: one that goes in a circle does not compile.
const DEPTH: usize = 24;

/// The end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A module itself.
    Module(usize),
    /// An item that this module defines.
    Item(usize),
    /// A path outside of the crate, in full.
    Outside(Vec<String>),
    /// A name that is not found: a local variable, a type parameter, a name of the prelude.
    Unknown,
}

/// A use of one module by another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// Resolves the paths of one crate.
pub(crate) struct Resolver<'a> {
    pub(crate) modules: &'a [Module],
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(parsed: &'a Crate) -> Self {
        Self { modules: &parsed.modules }
    }

    /// Every use of a module by another one, each pair once, with its first place.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
        for from in 0..self.modules.len() {
            let module = &self.modules[from];
            let used = module.used.iter().map(|used| (used, false));
            for (Used { path, line }, exported) in used.chain(module.exported.iter().map(|used| (used, true)))
            {
                let Target::Item(to) = self.resolve(from, path, DEPTH) else { continue };
                // A parent that exports what its child defines is the child's door, not its user.
                if to == from || (exported && self.is_below(to, from)) {
                    continue;
                }
                let edge = || Edge { from, to, line: *line, path: path.join("::") };
                edges.entry((from, to)).or_insert_with(edge);
            }
        }
        edges.into_values().collect()
    }

    /// The imports of a module that `folder` forbids, as lines of text.
    pub(crate) fn forbidden(&self, module: usize, folder: &Folder) -> Vec<String> {
        let Module { file, used, exported, .. } = &self.modules[module];
        let mut found = Vec::new();
        for Used { path, line } in used.iter().chain(exported) {
            let full = match self.resolve(module, path, DEPTH) {
                Target::Outside(full) => full,
                Target::Item(to) | Target::Module(to) => {
                    self.modules[to].path.split("::").map(str::to_owned).collect()
                }
                Target::Unknown => path.clone(),
            };
            if let Some(pattern) = folder.forbids(&full) {
                found.push(format!("{file}:{line}: {}: {pattern}: {}", full.join("::"), folder.reason));
            }
        }
        found
    }

    fn is_below(&self, module: usize, above: usize) -> bool {
        let mut parent = self.modules[module].parent;
        while let Some(at) = parent {
            if at == above {
                return true;
            }
            parent = self.modules[at].parent;
        }
        false
    }

    /// The end of `path` as written in `module`.
    pub(crate) fn resolve(&self, module: usize, path: &[String], depth: usize) -> Target {
        self.walk(module, path, false, depth)
    }

    /// The end of `path`; with `to_module`, the last segment is a module where a module and an item share the name.
    fn walk(&self, module: usize, path: &[String], to_module: bool, depth: usize) -> Target {
        let Some((first, mut rest)) = path.split_first() else { return Target::Module(module) };
        let mut target = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(module),
            "super" => self.above(module),
            name => match self.lookup(module, name, rest.is_empty() && !to_module, depth) {
                Target::Unknown if !rest.is_empty() => return Target::Outside(path.to_vec()),
                found => found,
            },
        };
        while let Some((next, after)) = rest.split_first() {
            match target {
                Target::Module(at) => {
                    target = match next.as_str() {
                        "super" => self.above(at),
                        "self" => Target::Module(at),
                        name => match self.lookup(at, name, after.is_empty() && !to_module, depth) {
                            // A macro defined it there.
                            Target::Unknown => Target::Item(at),
                            found => found,
                        },
                    };
                    rest = after;
                }
                Target::Outside(mut full) => {
                    full.extend(rest.iter().cloned());
                    return Target::Outside(full);
                }
                // Variants and associated items follow.
                Target::Item(_) | Target::Unknown => return target,
            }
        }
        target
    }

    fn above(&self, module: usize) -> Target {
        self.modules[module].parent.map_or(Target::Unknown, Target::Module)
    }

    /// The meaning of `name` in `module`. `last` if no segment follows: then an item precedes a module of the same name, as in
    /// `mod run; pub use run::run;`.
    fn lookup(&self, module: usize, name: &str, last: bool, depth: usize) -> Target {
        let child = self.modules[module].children.get(name).copied();
        match child {
            Some(child) if !last => Target::Module(child),
            Some(child) => match self.item(module, name, depth) {
                item @ Target::Item(_) => item,
                Target::Module(_) | Target::Outside(_) | Target::Unknown => Target::Module(child),
            },
            None => self.item(module, name, depth),
        }
    }

    /// The meaning of `name` in `module` if it is not a child.
    fn item(&self, module: usize, name: &str, depth: usize) -> Target {
        let Module { children, items, imports, globs, .. } = &self.modules[module];
        if items.contains(name) {
            return Target::Item(module);
        }
        let Some(depth) = depth.checked_sub(1) else { return Target::Unknown };
        if let Some(path) = imports.get(name) {
            // `use kube;` names a crate, not itself.
            return if path.first().is_some_and(|first| first == name) && !children.contains_key(name) {
                Target::Outside(path.clone())
            } else {
                self.resolve(module, path, depth)
            };
        }
        for glob in globs {
            if let Target::Module(at) = self.walk(module, glob, true, depth)
                && at != module
            {
                let found = self.lookup(at, name, true, depth);
                if found != Target::Unknown {
                    return found;
                }
            }
        }
        Target::Unknown
    }
}
