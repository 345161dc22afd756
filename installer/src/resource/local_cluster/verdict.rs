//! The facts of a kind or k3d cluster, and their comparison with the profile. Pure.

use devplat_plan::{Change, Detail, How, Loss, State, Verdict};
use serde_json::Value;

use crate::{resource::renamed::Renamed, state::LockHolder};

/// The data that the deletion of a cluster destroys.
pub(in crate::resource) const LOSS: &str = "every dev server and home in it";
/// Why a cluster has no record although no run is working on it.
const INTERRUPTED: &str = "its creation or deletion was interrupted";

/// The known facts of a cluster in an engine.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// The configuration in its record; `None` if it was not read.
    pub(super) spec: Option<Value>,
    /// Its nodes and load balancers that were deleted.
    pub(super) missing: Vec<String>,
    /// Its nodes and load balancers that a user has renamed.
    pub(super) renamed: Vec<Renamed>,
    /// Its nodes and load balancers that are not in the platform's network, each as a phrase.
    pub(super) detached: Vec<String>,
    /// Its nodes and load balancers that are stopped or paused, each as a phrase.
    pub(super) stopped: Vec<String>,
    /// Why its API server does not answer although the nodes are running.
    pub(super) asleep: Option<String>,
    /// Nodes with expired certificates. They are not searched while the cluster answers.
    pub(super) expired: Vec<String>,
}

/// Returns the facts of a half-made cluster, which are none.
pub(in crate::resource) fn nothing_known() -> Fields {
    Fields {
        spec: None,
        missing: Vec::new(),
        renamed: Vec::new(),
        detached: Vec::new(),
        stopped: Vec::new(),
        asleep: None,
        expired: Vec::new(),
    }
}

/// Compares the cluster with the profile. `key` is the section of the profile.
pub(in crate::resource) fn compare(key: &str, spec: &Value, fields: &Fields) -> Verdict {
    let mut changes: Vec<Change> =
        fields.spec.as_ref().map(|was| differences(key, was, spec)).unwrap_or_default();
    if changes.is_empty() {
        changes.extend(fields.missing.iter().map(|node| not_to_be_added(node)));
        let obstacles: Vec<String> = fields.renamed.iter().filter_map(Renamed::obstacle).collect();
        if changes.is_empty() && !obstacles.is_empty() {
            return Verdict::Unfit(obstacles);
        }
        changes.extend(faults_in_place(fields).into_iter().map(Change::in_place));
    }
    if changes.is_empty() { Verdict::Same } else { Verdict::Differs(changes) }
}

/// Returns the difference of a deleted node. Neither kind nor k3d adds a node that equals it.
fn not_to_be_added(node: &str) -> Change {
    Change::old_first(format!("{}, and cannot be added again", is_missing(node))).losing(LOSS)
}

fn is_missing(node: &str) -> String {
    format!("{node} is missing")
}

/// Returns why it cannot be used now, or not as a whole, although it exists.
pub(super) fn faults(fields: &Fields) -> Vec<String> {
    fields.missing.iter().map(|node| is_missing(node)).chain(faults_in_place(fields)).collect()
}

/// Returns the faults that [`super::start`] repairs. Expired certificates and a renamed or disconnected node are reasons why
/// it does not answer.
fn faults_in_place(fields: &Fields) -> Vec<String> {
    let Fields { spec: _, missing: _, renamed, detached, stopped, asleep, expired } = fields;
    let explained = !detached.is_empty() || !renamed.is_empty();
    let renamed = renamed.iter().map(Renamed::fault);
    let asleep = match expired.as_slice() {
        [] => asleep.clone().filter(|_| !explained),
        nodes => Some(format!("the certificates of {} have expired", nodes.join(", "))),
    };
    renamed.chain(stopped.iter().cloned()).chain(detached.iter().cloned()).chain(asleep).collect()
}

/// Returns the differences. A key that is absent on one side and empty on the other does not differ, because older
/// records lack newer keys.
fn differences(key: &str, was: &Value, wanted: &Value) -> Vec<Change> {
    let empty = serde_json::Map::new();
    let (was, wanted) = (was.as_object().unwrap_or(&empty), wanted.as_object().unwrap_or(&empty));
    let text = |value: Option<&Value>| value.filter(|value| !value.is_null()).map(ToString::to_string);
    let mut keys: Vec<&String> = was.keys().chain(wanted.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter_map(|name| {
            let (was, wanted) = (text(was.get(name)), text(wanted.get(name)));
            let differs = was != wanted;
            // Records of kind clusters have no key for a count of 0.
            let shown = |value: Option<String>| value.or_else(|| (name == "workers").then(|| "0".to_owned()));
            let detail =
                Detail::Field { name: format!("{key}.{name}"), was: shown(was), wanted: shown(wanted) };
            differs.then(|| Change { detail, how: How::OldFirst, loses: Some(Loss(LOSS.to_owned())) })
        })
        .collect()
}

/// Returns the state of a cluster without a record, or of what is there without a node. `run` is another run that is working
/// on the platform, `lost` what is known to be gone of a finished cluster. A deletion leaves the same remains as a creation.
pub(super) fn of_unfinished(run: Option<&LockHolder>, lost: Option<String>) -> State {
    match run {
        Some(run) if run.destroys() => State::Leaving,
        Some(_) => State::Coming,
        None => State::Failed(lost.unwrap_or_else(|| INTERRUPTED.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(spec: Value) -> Fields {
        Fields { spec: Some(spec), ..nothing_known() }
    }

    fn said(verdict: &Verdict) -> Vec<String> {
        match verdict {
            Verdict::Differs(changes) => changes.iter().map(ToString::to_string).collect(),
            verdict => vec![format!("{verdict:?}")],
        }
    }

    #[test]
    fn older_record_without_newer_empty_keys_does_not_differ() {
        let was = fields(json!({"nodeImage": "auto", "sshPort": null, "bastionPort": 30022}));
        let wanted = json!({"nodeImage": "auto", "bastionPort": 30022});
        assert_eq!(compare("cluster.kind", &wanted, &was), Verdict::Same);
    }

    #[test]
    fn change_of_the_cluster_names_the_key_and_the_lost_data() {
        let was = fields(json!({"workers": 1, "sshPort": 22}));
        let verdict = compare("cluster.kind", &json!({"workers": 2, "sshPort": 22}), &was);
        assert_eq!(said(&verdict), ["cluster.kind.workers is 1; the profile wants 2"]);
        let Verdict::Differs(changes) = verdict else { panic!("it differs") };
        assert_eq!(changes[0].loses, Some(Loss(LOSS.to_owned())));
    }

    #[test]
    fn count_of_zero_workers_is_shown_as_a_number() {
        let (none, two) = (json!({"workers": null}), json!({"workers": 2}));
        let text = |was: &Value, wanted: &Value| said(&compare("cluster.kind", wanted, &fields(was.clone())));
        assert_eq!(text(&none, &two), ["cluster.kind.workers is 0; the profile wants 2"]);
        assert_eq!(text(&json!({}), &two), ["cluster.kind.workers is 0; the profile wants 2"]);
        assert_eq!(text(&two, &none), ["cluster.kind.workers is 2; the profile wants 0"]);
        assert_eq!(compare("cluster.kind", &none, &fields(json!({}))), Verdict::Same);
    }

    #[test]
    fn half_a_cluster_is_being_created_while_another_run_works_on_it() {
        let interrupted = State::Failed("its creation or deletion was interrupted".to_owned());
        assert_eq!(of_unfinished(None, None), interrupted);
        assert_eq!(of_unfinished(Some(&LockHolder::of(2, &["devplat", "up"])), None), State::Coming);
        let destroy = LockHolder::of(2, &["devplat", "destroy", "--yes"]);
        assert_eq!(of_unfinished(Some(&destroy), Some("a is missing".to_owned())), State::Leaving);
    }

    #[test]
    fn lost_node_is_not_called_an_interruption() {
        let lost = "the cluster has no node: container a is missing; the homes in it are lost".to_owned();
        assert_eq!(of_unfinished(None, Some(lost.clone())), State::Failed(lost));
    }

    #[test]
    fn stopped_node_is_a_difference_in_place() {
        let stopped = Fields { stopped: vec!["a-control-plane is stopped".to_owned()], ..fields(json!({})) };
        assert_eq!(said(&compare("cluster.kind", &json!({}), &stopped)), ["a-control-plane is stopped"]);
    }

    #[test]
    fn missing_node_is_replaced_with_the_cluster_and_its_data() {
        let missing = Fields { missing: vec!["a-worker".to_owned()], ..fields(json!({})) };
        let verdict = compare("cluster.kind", &json!({}), &missing);
        assert_eq!(said(&verdict), ["a-worker is missing, and cannot be added again"]);
        let Verdict::Differs(changes) = verdict else { panic!("it differs") };
        assert_eq!((changes[0].how, &changes[0].loses), (How::OldFirst, &Some(Loss(LOSS.to_owned()))));
        assert_eq!(faults(&missing), ["a-worker is missing"]);
    }

    #[test]
    fn disconnected_node_is_the_reason_why_a_cluster_does_not_answer() {
        let outside = "a-control-plane is not in network devplat-a";
        let detached = Fields {
            detached: vec![outside.to_owned()],
            asleep: Some("its API server is not ready".to_owned()),
            ..fields(json!({}))
        };
        let verdict = compare("cluster.kind", &json!({}), &detached);
        assert_eq!(said(&verdict), [outside]);
        let Verdict::Differs(changes) = verdict else { panic!("it differs") };
        assert_eq!(changes[0].how, How::InPlace);
    }

    #[test]
    fn renamed_node_gets_its_name_back_in_place() {
        let renamed = |taken| Fields {
            renamed: vec![Renamed { now: "x".to_owned(), name: "k3d-a-server-0".to_owned(), taken }],
            asleep: Some("the kubelet of x has not reported since it was started".to_owned()),
            ..fields(json!({}))
        };
        let verdict = compare("cluster.k3d", &json!({}), &renamed(false));
        let why = "container x was renamed; `docker rename x k3d-a-server-0` gives its name back";
        assert_eq!(said(&verdict), [why]);
        let Verdict::Differs(changes) = verdict else { panic!("it differs") };
        assert_eq!(changes[0].how, How::InPlace);
        assert_eq!(faults(&renamed(true)), [why]);
        let Verdict::Unfit(obstacles) = compare("cluster.k3d", &json!({}), &renamed(true)) else {
            panic!("a name that another container has is an obstacle")
        };
        assert!(obstacles[0].contains("another container has its name k3d-a-server-0"), "{obstacles:?}");
    }

    #[test]
    fn expired_certificates_explain_why_a_cluster_does_not_answer() {
        let expired = Fields {
            asleep: Some("its API server is not ready".to_owned()),
            expired: vec!["a-control-plane".to_owned(), "a-worker".to_owned()],
            ..fields(json!({}))
        };
        let why = "the certificates of a-control-plane, a-worker have expired";
        assert_eq!(said(&compare("cluster.kind", &json!({}), &expired)), [why]);
        let stopped = Fields { stopped: vec!["a-worker is stopped".to_owned()], ..expired };
        assert_eq!(said(&compare("cluster.kind", &json!({}), &stopped)), ["a-worker is stopped", why]);
    }
}
