//! Whether the API server calls a webhook for a call, by the rules, selectors and conditions of the webhook's
//! configuration. Pure.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::admissionregistration::v1::{RuleWithOperations, ValidatingWebhook},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use crate::ObjectRef;

/// The group whose objects, webhooks and policies, no webhook is called for.
const EXEMPT_GROUP: &str = "admissionregistration.k8s.io";
/// The label with its name that the API server sets on every namespace.
pub(super) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub(crate) type Labels = BTreeMap<String, String>;

/// An operation that webhooks select calls by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// How certain it is that the API server calls a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Called {
    /// `matchConditions`, which only the API server evaluates, another version of the resource, or labels that could not
    /// be read decide.
    Perhaps,
    /// Its rules and selectors match.
    Surely,
}

/// A call, as far as webhooks select by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) object: &'a ObjectRef,
    /// The subresource, such as `portforward`; empty for the object itself.
    pub(crate) subresource: &'a str,
    /// The possible operations: an apply creates or updates.
    pub(crate) operations: &'a [Operation],
    /// The labels in the body of the request; `None` if they are unknown.
    pub(crate) sent: Option<&'a Labels>,
}

/// The object that the cluster has under the name of a call's object.
#[derive(Debug, Clone, Default)]
pub(crate) enum Live {
    /// It was not looked for, or cannot be read.
    #[default]
    Unknown,
    Absent,
    /// Its labels.
    Present(Labels),
}

/// The facts of the cluster that selectors read.
#[derive(Debug, Clone, Default)]
pub(crate) struct SelectorFacts {
    pub(crate) object: Live,
    /// The labels of the object's namespace; `None` if they are unknown.
    pub(crate) namespace: Option<Labels>,
}

impl Subject<'_> {
    /// Returns the operations that are possible for `live`.
    fn possible(&self, live: &Live) -> Vec<Operation> {
        let impossible = match live {
            Live::Unknown => None,
            Live::Absent => Some(Operation::Update),
            Live::Present(_) => Some(Operation::Create),
        };
        // The only operation of a call stays: the object may have come or gone after the call.
        let stays = |operation: &Operation| self.operations.len() == 1 || Some(*operation) != impossible;
        self.operations.iter().copied().filter(stays).collect()
    }

    /// Returns the labels that the object has after the call, without those that mutating webhooks add.
    fn labels_after(&self, live: &Live, operation: Operation) -> Option<Labels> {
        let before = match (operation, live) {
            (Operation::Create, _) => Labels::new(),
            (Operation::Update, Live::Present(labels)) => labels.clone(),
            (Operation::Update, Live::Unknown | Live::Absent)
            | (Operation::Delete | Operation::Connect, _) => return None,
        };
        let sent = self.sent?.clone();
        Some(before.into_iter().chain(sent).collect())
    }

    fn is_namespace(&self) -> bool {
        self.object.api_version == "v1" && self.object.kind == "Namespace" && self.subresource.is_empty()
    }
}

/// The fields by which a webhook selects calls.
#[derive(Debug, Default)]
pub(super) struct Selection {
    rules: Vec<RuleWithOperations>,
    /// Whether its `matchPolicy` is `Exact`.
    exact: bool,
    namespaces: LabelSelector,
    objects: LabelSelector,
    /// Whether it has `matchConditions`.
    conditional: bool,
}

impl Selection {
    pub(super) fn of(webhook: &ValidatingWebhook) -> Self {
        Self {
            rules: webhook.rules.clone().unwrap_or_default(),
            exact: webhook.match_policy.as_deref() == Some("Exact"),
            namespaces: webhook.namespace_selector.clone().unwrap_or_default(),
            objects: webhook.object_selector.clone().unwrap_or_default(),
            conditional: webhook.match_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty()),
        }
    }

    /// Returns how certain it is that the API server calls the webhook for `subject`; `None` if it does not.
    pub(super) fn calls(&self, subject: &Subject<'_>, seen: &SelectorFacts) -> Option<Called> {
        if subject.object.group_version().0 == EXEMPT_GROUP {
            return None;
        }
        let possible = subject.possible(&seen.object);
        let mut each = possible.into_iter().map(|operation| self.calls_for(operation, subject, seen));
        let first = each.next()?;
        let called = if each.all(|other| other == first) { first } else { Some(Called::Perhaps) };
        if self.conditional { called.min(Some(Called::Perhaps)) } else { called }
    }

    fn calls_for(&self, operation: Operation, subject: &Subject<'_>, seen: &SelectorFacts) -> Option<Called> {
        let by_rule = self.rules.iter().map(|rule| self.by_rule(rule, operation, subject)).max().flatten();
        let by_namespace = self.by_namespace(operation, subject, seen);
        let by_object = self.by_object(operation, subject, &seen.object);
        by_rule.min(by_namespace).min(by_object)
    }

    fn by_rule(
        &self,
        rule: &RuleWithOperations,
        operation: Operation,
        subject: &Subject<'_>,
    ) -> Option<Called> {
        let RuleWithOperations { api_groups, api_versions, operations, resources, scope } = rule;
        let (group, version) = subject.object.group_version();
        let plural = subject.object.resource().plural;
        let in_scope = match scope.as_deref() {
            None | Some("*") => true,
            Some("Namespaced") => subject.object.namespace.is_some(),
            Some("Cluster") => subject.object.namespace.is_none(),
            Some(_) => false,
        };
        let resource = resources.iter().flatten().any(|one| is_resource(one, &plural, subject.subresource));
        let group = lists(api_groups.as_deref(), group);
        let operation = lists(operations.as_deref(), operation.as_str());
        if !(in_scope && resource && group && operation) {
            return None;
        }
        match (lists(api_versions.as_deref(), version), self.exact) {
            (true, _) => Some(Called::Surely),
            // `matchPolicy: Equivalent`: a rule for another version matches if the API server serves that version.
            (false, false) => Some(Called::Perhaps),
            (false, true) => None,
        }
    }

    fn by_namespace(
        &self,
        operation: Operation,
        subject: &Subject<'_>,
        seen: &SelectorFacts,
    ) -> Option<Called> {
        let own = subject.is_namespace();
        // The API server exempts no cluster-scoped object but namespaces.
        if is_empty(&self.namespaces) || (subject.object.namespace.is_none() && !own) {
            return Some(Called::Surely);
        }
        if !own {
            return selected(&self.namespaces, seen.namespace.as_ref());
        }
        match operation {
            Operation::Create | Operation::Update => {
                let mut labels = subject.labels_after(&seen.object, operation);
                if let Some(labels) = &mut labels {
                    labels.insert(NAME_LABEL.to_owned(), subject.object.name.clone());
                }
                selected(&self.namespaces, labels.as_ref())
            }
            Operation::Delete | Operation::Connect => selected(&self.namespaces, seen.object.labels()),
        }
    }

    /// The API server compares the selector with the object before and after the call; either may match.
    fn by_object(&self, operation: Operation, subject: &Subject<'_>, live: &Live) -> Option<Called> {
        if is_empty(&self.objects) {
            return Some(Called::Surely);
        }
        let after = || subject.labels_after(live, operation);
        match operation {
            Operation::Create => selected(&self.objects, after().as_ref()),
            Operation::Update => {
                selected(&self.objects, live.labels()).max(selected(&self.objects, after().as_ref()))
            }
            Operation::Delete => selected(&self.objects, live.labels()),
            // The options of a connection have no labels.
            Operation::Connect => None,
        }
    }
}

impl Live {
    fn labels(&self) -> Option<&Labels> {
        match self {
            Self::Unknown | Self::Absent => None,
            Self::Present(labels) => Some(labels),
        }
    }
}

fn lists(names: Option<&[String]>, name: &str) -> bool {
    names.into_iter().flatten().any(|one| one == "*" || one == name)
}

/// Whether `pattern`, such as `pods`, `pods/*` or `*/scale`, names the resource or its subresource.
fn is_resource(pattern: &str, resource: &str, subresource: &str) -> bool {
    let (of, sub) = pattern.split_once('/').unwrap_or((pattern, ""));
    (of == "*" || of == resource) && (sub == "*" || sub == subresource)
}

fn is_empty(selector: &LabelSelector) -> bool {
    let LabelSelector { match_expressions, match_labels } = selector;
    match_expressions.as_ref().is_none_or(Vec::is_empty) && match_labels.as_ref().is_none_or(Labels::is_empty)
}

/// Returns whether `selector` selects `labels`, which may be unknown.
fn selected(selector: &LabelSelector, labels: Option<&Labels>) -> Option<Called> {
    match labels {
        Some(labels) => selects(selector, labels).then_some(Called::Surely),
        None => Some(Called::Perhaps),
    }
}

fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let LabelSelector { match_expressions, match_labels } = selector;
    let equal = match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let expressed = match_expressions.iter().flatten().all(|expression| {
        let value = labels.get(&expression.key);
        let among = || value.is_some_and(|value| expression.values.iter().flatten().any(|one| one == value));
        match expression.operator.as_str() {
            "In" => among(),
            "NotIn" => !among(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            // The API server accepts no other operator.
            _ => true,
        }
    });
    equal && expressed
}
