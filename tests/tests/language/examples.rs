//! The rules, tried on sentences that this project once had and on the ones that took their place.

use std::collections::BTreeSet;

use crate::{
    rules::{RULES, Rules},
    text::{Block, Kind},
};

/// Where the sentence stood, as it was, as it is better.
const EXAMPLES: &[(Kind, &str, &str)] = &[
    (
        Kind::Document,
        "Who waits at the bastion is let in when SSH answers, not when that is said",
        "A waiting session connects as soon as SSH answers, before the pod reports Ready",
    ),
    (
        Kind::Comment,
        "What a DevServer has is made by a create and changed by an apply; a create does nothing where anything is, \
         and only then is looked for what it is",
        "Children are created with POST and updated with server-side apply. POST fails if the name is taken; only \
         then do we check whose object it is",
    ),
    (
        Kind::Comment,
        "What is to be made meets what has its name by itself, and is looked for after that",
        "Creates detect name conflicts themselves, so we look up the existing object only after a conflict",
    ),
    (
        Kind::Doc,
        "Those would stay when an apply no longer says them, since a create and an apply are two owners, of whatever \
         name",
        "Fields dropped from a later apply would survive: the API server treats create and apply as different \
         owners, even under one manager name",
    ),
    (
        Kind::Comment,
        "Nothing is left to be said to whoever sent what is no packet, or went",
        "The client sent garbage or hung up; an error would reach no one",
    ),
    (
        Kind::Comment,
        "Of those there are, this one alone is good when it is not so",
        "RestartPending is the only condition whose healthy value is False",
    ),
    (
        Kind::Comment,
        "All of them, and the first failure in the order of making: what it stands on fails for the same reason, later",
        "Run all observations and return the first error in dependency order; later ones usually share its cause",
    ),
    (Kind::Message, "X is 1, shall be 2", "X is 1; the profile wants 2"),
    (Kind::Error, "the Docker engine does not run", "the Docker engine is not running"),
    (Kind::Error, "\"many\" is no whole number", "\"many\" is not an integer"),
    (Kind::Message, "19 to do, usually 1 min 17 s", "19 steps, about 1 min 17 s"),
    (Kind::Message, "user alice may come in", "added user alice"),
    (Kind::Message, "user alice is kept out from now on", "removed user alice"),
    (
        Kind::TestName,
        "policy that was opened or belongs to nobody who is there is put right",
        "restores a loosened or ownerless network policy",
    ),
    (
        Kind::TestName,
        "what ends with its pod is told with the reason and what somebody kills is not",
        "session reports why its pod went away",
    ),
    (
        Kind::TestName,
        "a user who was removed loses every session and every dev server and keeps all homes of theirs",
        "removed user loses sessions and dev servers and keeps homes",
    ),
    (
        Kind::TestName,
        "engine that restarts in the middle of up is reported and up converges",
        "engine restart during up is reported and up converges",
    ),
    (Kind::Doc, "It, for `servers`.", "The number of replicas of `servers`."),
    (Kind::Doc, "Whose.", "The platform that owns the resource."),
    (Kind::Doc, "The same for a CRD.", "The period between two checks of a CRD."),
    (Kind::Doc, "The same, with this node image.", "Creates a cluster with this node image."),
    (Kind::Doc, "Whom to let in.", "The user to add."),
    (Kind::Doc, "This tells what is missing.", "Lists missing programs."),
    (Kind::Doc, "It tells the apply of a usable cluster.", "Reports a usable cluster to the apply."),
    (
        Kind::Comment,
        "The step has said that the cluster is usable.",
        "The step has reported a usable cluster.",
    ),
    (Kind::Comment, "The profile says so.", "The profile requests it."),
    (Kind::Comment, "The context is put together by the script.", "The script assembles the context."),
    (Kind::Echo, "The plan.", ""),
    (Kind::Comment, "The half-made cluster is made anew.", "The half-made cluster is recreated."),
    (Kind::Comment, "All mistakes are told at once.", "All mistakes are reported together."),
    (Kind::Message, "image base is wanted no more", "image base is no longer wanted"),
    (Kind::Comment, "The bytes wait there for good.", "The bytes wait there forever."),
    (Kind::Comment, "No one crate of the two there are does it.", "Neither crate does it."),
    (Kind::Error, "Cannot read the file", "cannot read the file"),
    (Kind::Error, "cannot read the file.", "cannot read the file"),
];

/// Good sentences that a careless pattern would find.
const GOOD: &[(Kind, &str)] = &[
    (Kind::Document, "There is no registry in the cluster, and the key is no longer valid."),
    (Kind::Document, "Why does it wait? What does it wait for?"),
    (Kind::Document, "Users that have a key sign in; a user without one is rejected."),
    (Kind::Comment, "The image is not on the node, which is why it is imported."),
    (Kind::Message, "create talk -- sh -c 'echo said; sleep 9'"),
    (Kind::Message, "no session: $(cat said)"),
    (Kind::Error, "Docker is not installed"),
    (Kind::Error, "X is not a file"),
    (Kind::TestName, "second up writes nothing"),
    (Kind::TestName, "a name of twelve words is not too long for this rule"),
    (Kind::Doc, "The same step, after which these ports are free."),
];

fn found(rules: &Rules, kind: Kind, text: &str) -> Vec<usize> {
    let block = Block::line(kind, 1, text).without_code();
    rules.check("example", &block).into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn sentences_before_are_found_and_those_after_are_not() {
    let rules = Rules::new();
    for (kind, before, after) in EXAMPLES {
        assert!(!found(&rules, *kind, before).is_empty(), "not found: {before}");
        let wrong = found(&rules, *kind, after);
        assert!(
            wrong.is_empty(),
            "found: {after}: {:?}",
            wrong.iter().map(|rule| RULES[*rule].reason).collect::<Vec<_>>()
        );
    }
}

#[test]
fn good_sentences_are_not_found() {
    let rules = Rules::new();
    for (kind, text) in GOOD {
        assert_eq!(found(&rules, *kind, text), Vec::<usize>::new(), "{text}");
    }
}

#[test]
fn every_rule_has_an_example() {
    let rules = Rules::new();
    let shown: BTreeSet<usize> =
        EXAMPLES.iter().flat_map(|(kind, before, _)| found(&rules, *kind, before)).collect();
    for (index, rule) in RULES.iter().enumerate() {
        assert!(shown.contains(&index), "no example of {}", rule.pattern);
    }
}
