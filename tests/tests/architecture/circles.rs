//! Modules that use each other, directly or through others.

use std::{collections::BTreeSet, fmt::Write};

use crate::resolve::{Edge, Resolver};

/// The circles of a crate, each as the text of its uses. Circles that share a module are one.
pub(crate) fn circles(resolver: &Resolver) -> Vec<String> {
    let edges = resolver.edges();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for start in 0..resolver.modules.len() {
        if seen.contains(&start) {
            continue;
        }
        let forward = reached(&edges, start, |edge| (edge.from, edge.to));
        let backward = reached(&edges, start, |edge| (edge.to, edge.from));
        let circle: BTreeSet<usize> = forward.intersection(&backward).copied().collect();
        if !circle.is_empty() {
            found.push(shown(resolver, &edges, &circle));
        }
        seen.extend(circle);
    }
    found
}

/// The modules that can be reached from `start` over at least one edge.
fn reached(edges: &[Edge], start: usize, ends: impl Fn(&Edge) -> (usize, usize)) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for (from, to) in edges.iter().map(&ends) {
            if from == at && found.insert(to) {
                open.push(to);
            }
        }
    }
    found
}

fn shown(resolver: &Resolver, edges: &[Edge], circle: &BTreeSet<usize>) -> String {
    let names: Vec<&str> = circle.iter().map(|module| resolver.modules[*module].path.as_str()).collect();
    let mut text = format!("  {} modules use each other: {}", names.len(), names.join(", "));
    for Edge { from, to, line, path } in edges {
        if circle.contains(from) && circle.contains(to) {
            let (file, to) = (&resolver.modules[*from].file, &resolver.modules[*to].path);
            let _ = write!(text, "\n    {file}:{line}: {path} is in {to}");
        }
    }
    text
}
