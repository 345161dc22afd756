//! Tests of the rules, selectors and conditions.

use serde_json::{Value, json};

use super::*;

const APPLY: &[Operation] = &[Operation::Create, Operation::Update];

fn deployment() -> ObjectRef {
    ObjectRef::new("apps/v1", "Deployment", Some("a"), "b")
}

fn labels(of: &[(&str, &str)]) -> Labels {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn subject<'a>(object: &'a ObjectRef, operations: &'a [Operation]) -> Subject<'a> {
    Subject { object, subresource: "", operations, sent: None }
}

/// A webhook for everything, with these fields changed.
fn selection(changed: &Value) -> Selection {
    let mut webhook = json!({
        "name": "a", "sideEffects": "None", "admissionReviewVersions": ["v1"], "clientConfig": {},
        "rules": [rule(&json!({}))],
    });
    for (key, value) in changed.as_object().unwrap() {
        webhook[key] = value.clone();
    }
    Selection::of(&serde_json::from_value(webhook).unwrap())
}

/// A rule for everything, with these fields changed.
fn rule(changed: &Value) -> Value {
    let mut rule = json!({"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]});
    for (key, value) in changed.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

fn with_rule(changed: &Value) -> Selection {
    selection(&json!({"rules": [rule(changed)]}))
}

#[test]
fn rule_matches_by_group_resource_scope_and_operation() {
    let object = deployment();
    let update = subject(&object, &[Operation::Update]);
    for (changed, matches) in [
        (json!({}), true),
        (json!({"apiGroups": ["apps"]}), true),
        (json!({"apiGroups": ["batch", "apps"]}), true),
        (json!({"apiGroups": [""]}), false),
        (json!({"apiVersions": ["v1"]}), true),
        (json!({"resources": ["deployments"]}), true),
        (json!({"resources": ["*/*"]}), true),
        (json!({"resources": ["deployments/*"]}), true),
        (json!({"resources": ["deployments/scale"]}), false),
        (json!({"resources": ["*/scale"]}), false),
        (json!({"resources": ["pods"]}), false),
        (json!({"operations": ["UPDATE"]}), true),
        (json!({"operations": ["CREATE", "DELETE"]}), false),
        (json!({"scope": "Namespaced"}), true),
        (json!({"scope": "Cluster"}), false),
        (json!({"scope": "*"}), true),
    ] {
        let expected = matches.then_some(Called::Surely);
        assert_eq!(with_rule(&changed).calls(&update, &SelectorFacts::default()), expected, "{changed}");
    }
    let role = ObjectRef::new("rbac.authorization.k8s.io/v1", "ClusterRole", None, "a");
    for (scope, matches) in [("Namespaced", false), ("Cluster", true)] {
        let called =
            with_rule(&json!({ "scope": scope })).calls(&subject(&role, APPLY), &SelectorFacts::default());
        assert_eq!(called, matches.then_some(Called::Surely), "{scope}");
    }
}

#[test]
fn any_of_several_rules_matches() {
    let object = deployment();
    let rules = [rule(&json!({"resources": ["pods"]})), rule(&json!({"resources": ["deployments"]}))];
    let both = selection(&json!({ "rules": rules }));
    assert_eq!(both.calls(&subject(&object, APPLY), &SelectorFacts::default()), Some(Called::Surely));
    let none = selection(&json!({"rules": []}));
    assert_eq!(none.calls(&subject(&object, APPLY), &SelectorFacts::default()), None);
}

#[test]
fn subresource_needs_a_rule_of_its_own() {
    let object = ObjectRef::new("v1", "Pod", Some("a"), "b");
    let forward = Subject { subresource: "portforward", ..subject(&object, &[Operation::Connect]) };
    for (resource, matches) in [
        ("pods", false),
        ("*", false),
        ("pods/exec", false),
        ("pods/portforward", true),
        ("pods/*", true),
        ("*/portforward", true),
        ("*/*", true),
    ] {
        let called = with_rule(&json!({"resources": [resource]})).calls(&forward, &SelectorFacts::default());
        assert_eq!(called, matches.then_some(Called::Surely), "{resource}");
    }
}

#[test]
fn rule_for_another_version_may_match_unless_the_policy_is_exact() {
    let object = deployment();
    for (policy, called) in [
        (json!(null), Some(Called::Perhaps)),
        (json!("Equivalent"), Some(Called::Perhaps)),
        (json!("Exact"), None),
    ] {
        let beta =
            selection(&json!({"matchPolicy": policy, "rules": [rule(&json!({"apiVersions": ["v1beta1"]}))]}));
        assert_eq!(beta.calls(&subject(&object, APPLY), &SelectorFacts::default()), called, "{policy}");
    }
}

#[test]
fn apply_creates_absent_objects_and_updates_present_ones() {
    let (object, create) = (deployment(), with_rule(&json!({"operations": ["CREATE"]})));
    for (live, called) in [
        (Live::Absent, Some(Called::Surely)),
        (Live::Present(Labels::new()), None),
        (Live::Unknown, Some(Called::Perhaps)),
    ] {
        let seen = SelectorFacts { object: live, namespace: None };
        assert_eq!(create.calls(&subject(&object, APPLY), &seen), called, "{seen:?}");
    }
    // A create has no other operation, even if another client was faster.
    let seen = SelectorFacts { object: Live::Present(Labels::new()), namespace: None };
    let called = create.calls(&subject(&object, &[Operation::Create]), &seen);
    assert_eq!(called, Some(Called::Surely));
}

#[test]
fn selector_selects_by_labels_and_expressions() {
    for (selector, selected) in [
        (json!({}), true),
        (json!({"matchLabels": {"a": "1"}}), true),
        (json!({"matchLabels": {"a": "2"}}), false),
        (json!({"matchLabels": {"a": "1", "b": "1"}}), false),
        (json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}), true),
        (json!({"matchExpressions": [{"key": "b", "operator": "In", "values": ["1"]}]}), false),
        (json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}), false),
        (json!({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}), true),
        (json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}), true),
        (json!({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}), true),
    ] {
        let parsed: LabelSelector = serde_json::from_value(selector.clone()).unwrap();
        assert_eq!(selects(&parsed, &labels(&[("a", "1")])), selected, "{selector}");
    }
}

#[test]
fn namespace_selector_reads_the_labels_of_the_namespace() {
    let checked = selection(&json!({"namespaceSelector": {"matchLabels": {"checked": "yes"}}}));
    let object = deployment();
    for (namespace, called) in [
        (Some(labels(&[("checked", "yes")])), Some(Called::Surely)),
        (Some(Labels::new()), None),
        (None, Some(Called::Perhaps)),
    ] {
        let seen = SelectorFacts { object: Live::Unknown, namespace };
        assert_eq!(checked.calls(&subject(&object, APPLY), &seen), called, "{seen:?}");
    }
    // Cluster-scoped objects are never exempt.
    let role = ObjectRef::new("rbac.authorization.k8s.io/v1", "ClusterRole", None, "a");
    assert_eq!(checked.calls(&subject(&role, APPLY), &SelectorFacts::default()), Some(Called::Surely));
}

#[test]
fn namespace_is_selected_by_its_own_labels() {
    let namespace = ObjectRef::namespace("a");
    let (yes, no) = (labels(&[("checked", "yes")]), labels(&[("checked", "no")]));
    let checked = selection(&json!({"namespaceSelector": {"matchLabels": {"checked": "yes"}}}));
    let seen = |object| SelectorFacts { object, namespace: None };
    let apply = |sent: &Labels, live: Live| {
        checked.calls(&Subject { sent: Some(sent), ..subject(&namespace, APPLY) }, &seen(live))
    };
    assert_eq!(apply(&yes, Live::Absent), Some(Called::Surely));
    assert_eq!(apply(&no, Live::Absent), None);
    assert_eq!(apply(&Labels::new(), Live::Present(yes.clone())), Some(Called::Surely));
    assert_eq!(apply(&no, Live::Present(yes.clone())), None, "the labels after the call count");
    let delete = subject(&namespace, &[Operation::Delete]);
    assert_eq!(checked.calls(&delete, &seen(Live::Present(yes))), Some(Called::Surely));
    assert_eq!(checked.calls(&delete, &seen(Live::Present(no.clone()))), None);

    let by_name = selection(&json!({"namespaceSelector": {"matchLabels": {(NAME_LABEL): "a"}}}));
    let create = Subject { sent: Some(&no), ..subject(&namespace, APPLY) };
    assert_eq!(by_name.calls(&create, &seen(Live::Absent)), Some(Called::Surely));
}

#[test]
fn object_selector_reads_the_labels_before_and_after_the_call() {
    let object = deployment();
    let (yes, no) = (labels(&[("checked", "yes")]), Labels::new());
    let checked = selection(&json!({"objectSelector": {"matchLabels": {"checked": "yes"}}}));
    let called = |operations: &[Operation], sent: Option<&Labels>, live: Live| {
        let seen = SelectorFacts { object: live, namespace: None };
        checked.calls(&Subject { sent, ..subject(&object, operations) }, &seen)
    };
    for (sent, live, expected) in [
        (Some(&yes), Live::Absent, Some(Called::Surely)),
        (Some(&no), Live::Absent, None),
        (None, Live::Absent, Some(Called::Perhaps)),
        (Some(&no), Live::Present(yes.clone()), Some(Called::Surely)),
        (Some(&yes), Live::Present(no.clone()), Some(Called::Surely)),
        (Some(&no), Live::Present(no.clone()), None),
        (None, Live::Present(no.clone()), Some(Called::Perhaps)),
        (Some(&no), Live::Unknown, Some(Called::Perhaps)),
    ] {
        assert_eq!(called(APPLY, sent, live.clone()), expected, "{sent:?} {live:?}");
    }
    let delete = &[Operation::Delete];
    assert_eq!(called(delete, None, Live::Present(yes.clone())), Some(Called::Surely));
    assert_eq!(called(delete, None, Live::Present(no)), None);
    assert_eq!(called(delete, None, Live::Unknown), Some(Called::Perhaps));
    assert_eq!(called(&[Operation::Connect], None, Live::Present(yes)), None, "options have no labels");
}

#[test]
fn match_conditions_leave_a_doubt() {
    let object = deployment();
    let condition = json!([{"name": "a", "expression": "request.userInfo.username != 'admin'"}]);
    let conditional = selection(&json!({"matchConditions": condition}));
    assert_eq!(conditional.calls(&subject(&object, APPLY), &SelectorFacts::default()), Some(Called::Perhaps));
    let elsewhere =
        selection(&json!({"matchConditions": condition, "rules": [rule(&json!({"resources": ["pods"]}))]}));
    assert_eq!(elsewhere.calls(&subject(&object, APPLY), &SelectorFacts::default()), None);
}

#[test]
fn webhooks_are_not_called_for_webhooks() {
    let kind = "ValidatingWebhookConfiguration";
    let object = ObjectRef::new("admissionregistration.k8s.io/v1", kind, None, "a");
    assert_eq!(selection(&json!({})).calls(&subject(&object, APPLY), &SelectorFacts::default()), None);
}
