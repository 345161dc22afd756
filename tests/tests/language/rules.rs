//! The rules: a pattern, the reason for it, and the words that are better. They hold what can be held of: subject,
//! verb, object; the actor named; one term for one thing; numbers and limits in place of vague words.

use std::fmt;

use regex::Regex;

use crate::text::{Block, Kind};

/// One rule.
pub(crate) struct Rule {
    /// A regular expression. `^` is the beginning of a paragraph, a message or a name.
    pub(crate) pattern: &'static str,
    /// A match of the pattern that is good English nevertheless, looked for in what the pattern matched.
    pub(crate) unless: Option<&'static str>,
    /// Where the rule holds; everywhere if empty.
    pub(crate) only: &'static [Kind],
    /// Why.
    pub(crate) reason: &'static str,
    /// What to write.
    pub(crate) better: &'static str,
}

const fn rule(pattern: &'static str, reason: &'static str, better: &'static str) -> Rule {
    Rule { pattern, unless: None, only: &[], reason, better }
}

impl Rule {
    const fn unless(mut self, pattern: &'static str) -> Self {
        self.unless = Some(pattern);
        self
    }

    const fn only(mut self, kinds: &'static [Kind]) -> Self {
        self.only = kinds;
        self
    }
}

/// All rules. Their examples are in `examples`; one without an example fails a test.
pub(crate) const RULES: &[Rule] = &[
    rule(
        r"(?i)\b(somebody|someone|nobody|anybody|anyone|everybody|whoever|whomever)\b",
        "the reader needs an actor",
        "user, client, peer, caller, operator, kubelet, `no one`",
    ),
    rule(r"(?i)\bwhom\b", "the actor is not named", "`users that …`, `whose`, or the actor itself"),
    rule(
        r"(?i)\b(is|are|was|were|be|been|being|get|gets|got) told\b|\btold (at|what|that|how|of|from|where|with|which)\b",
        "the term is `reports`",
        "reports, lists, prints, receives, is notified",
    ),
    rule(r"(?i)\b(tells?|telling)\b", "the term is `reports`", "reports, lists, names, shows, distinguishes"),
    // A file or an argument of this name follows a command.
    rule(
        r"(?i)\b(says?|saying)\b|\b[a-z]+ said\b",
        "the term is `reports`",
        "reports, states, specifies, requests, prints",
    )
    .unless(r"^(cat|echo) said$"),
    rule(
        r"(?i)\b(put|puts|putting) together\b|\bputs? [^.,;:]+ together\b",
        "the term is `assembled`",
        "assembles, joins, combines",
    ),
    rule(r"(?i)\bshall\b", "a document states facts; an error compares two values", "`is`, `wants`, `must`"),
    rule(
        r"(?i)\b(there |it )?(is|are|was|were) no [a-z]+",
        "`no X` as a predicate has to be decoded",
        "`is not a …`, `has no …`, `there is no …`",
    )
    .unless(r"(?i)^there |no (longer|more|less|different|better|worse|later|earlier|one|such)$"),
    rule(
        r"(?i)\b(is|are|was|were|be|wanted|needed|known|there) no more\b",
        "`no more` counts things",
        "`no longer`",
    ),
    rule(r"(?i)\banew\b", "not a word of the field", "again, recreated, from scratch"),
    rule(
        r"(?i)\bat once\b",
        "it means two things: without delay, and at the same time",
        "immediately, concurrently, all of them, together",
    ),
    rule(
        r"(?:^|[.!?] )(?:What|Who|Which|Whatever|Whom) [^.!?]*(?:[.!]|$)",
        "a free relative clause hides the subject",
        "the noun: `A waiting session …`, `The children of …`",
    ),
    rule(
        r"^(?:what|who|which|whatever) [^?]*$|; (?:what|who|whatever) [^?]*$",
        "a free relative clause hides the subject",
        "the noun: `children of a dev server`, `the session`",
    ),
    rule(
        r"(?:^|[.!?] )(?:Of|From) (?:those|these|all|the|what|each|them|its|it|an?) [^.!?,]*,",
        "the subject comes first",
        "subject, verb, object: `X is the only one that …`",
    ),
    rule(
        r"^(?:It|They|Them|Both|All of them|Those|These|Which|Whose|Whom|Who|What|Same)(?:\.?$|, )",
        "a pronoun alone names nothing",
        "a noun phrase: `The owner of the lock`",
    ),
    rule(
        r"^The same(?:[,;.]| (?:as|at|but|by|for|if|in|of|to|when|where|with|without)\b)",
        "a summary is read alone, as in an editor",
        "the noun or the verb again: `The limit for …`, `Returns … without …`",
    )
    .only(&[Kind::Doc]),
    rule(
        r"(?i)\b(engine|docker|cluster|node|server|program|daemon|kubelet|pod|container|operator|bastion|agent|process|service) (does|did) not run\b",
        "the term is `is running`",
        "`is not running`",
    ),
    rule(r"(?i)\busually \d", "a figure needs no adverb, only its uncertainty", "`about 1 min 17 s`"),
    rule(
        r"(?i)\b(may|can|could) come in\b|\bkept out\b|\bkeeps? (\w+ )?out\b|\blets? (\w+ )?in\b|\bwho gets in\b",
        "the field's terms are access and login",
        "`has access`, `added user alice`, `removed user alice`, `accepts`, `rejects`",
    ),
    rule(
        r"(?i)\bput right\b|\bmend(s|ed|ing)?\b",
        "the field's term is another one",
        "restores, repairs, updates, corrects",
    ),
    rule(r"(?i)\bfor good\b", "an idiom", "permanently, forever"),
    rule(r"(?i)\b(of|from|by|for) whatever\b", "an idiom", "`any`, `under any name`, the noun"),
    rule(r"(?i)\bwhole number\b", "the term is `integer`", "integer"),
    rule(
        r"(?i)\b(two|several|many|which|of|than) there are\b",
        "the sentence ends before it names a thing",
        "the noun",
    ),
    rule(
        r"^[A-Z][a-z]+\b",
        "an error text begins in lower case: it stands after `error: `",
        "the same text in lower case",
    )
    .unless(r"^(Docker|Kubernetes|Deployment|Service|Secret|Namespace|Lease|Linux|Debian|Rust|X)$")
    .only(&[Kind::Error]),
    rule(r"\.$", "an error text is a clause, which others are joined to", "no final dot")
        .only(&[Kind::Error]),
    rule(
        r"^.+$",
        "a comment that only repeats the name below it is left out",
        "the unit, the limit or the reason, or no comment",
    )
    .only(&[Kind::Echo]),
    rule(
        r"^(?:\S+ ){12,}\S+$",
        "a test name is a short sentence",
        "subject, verb, object in about ten words, at most twelve",
    )
    .only(&[Kind::TestName]),
];

/// The rules, compiled.
pub(crate) struct Rules {
    compiled: Vec<(&'static Rule, Regex, Option<Regex>)>,
}

/// A place that breaks a rule.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The words that the rule found.
    pub(crate) text: String,
    /// The block that holds them.
    pub(crate) sentence: String,
    /// The place of the rule in [`RULES`].
    pub(crate) rule: usize,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, text, sentence: _, rule } = self;
        let Rule { reason, better, .. } = &RULES[*rule];
        // The beginning names the place; all of a long sentence would hide the reason.
        let shown: String = text.chars().take(60).collect();
        write!(f, "{file}:{line}: {shown}: {reason}; better: {better}")
    }
}

impl Rules {
    pub(crate) fn new() -> Self {
        // Word boundaries of ASCII: those of Unicode keep the engine from its fast paths.
        let compile = |pattern: &str| Regex::new(&pattern.replace(r"\b", r"(?-u:\b)")).unwrap();
        let compiled =
            RULES.iter().map(|rule| (rule, compile(rule.pattern), rule.unless.map(compile))).collect();
        Self { compiled }
    }

    /// The findings in a block.
    pub(crate) fn check(&self, file: &str, block: &Block) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, (rule, pattern, unless)) in self.compiled.iter().enumerate() {
            if !rule.only.is_empty() && !rule.only.contains(&block.kind) {
                continue;
            }
            for found in pattern.find_iter(&block.text) {
                if unless.as_ref().is_some_and(|unless| unless.is_match(found.as_str())) {
                    continue;
                }
                let text = found.as_str().trim_start_matches(['.', '!', '?', ' ']);
                let start = found.end() - text.len();
                findings.push(Finding {
                    file: file.to_owned(),
                    line: block.line_at(start),
                    text: text.to_owned(),
                    sentence: block.text.clone(),
                    rule: index,
                });
            }
        }
        findings
    }
}
