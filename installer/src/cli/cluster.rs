//! The lines about the cluster and other runs that several verbs print.

use crate::{
    host::Host,
    request::Request,
    resource::fitness::{self, Needs},
    state::LockHolder,
};

/// Prints the capabilities of an existing cluster and the remarks on them, for people.
pub(super) fn report(request: &Request, host: &Host) {
    let Some(capabilities) = request.context.known_capabilities() else { return };
    let tried = fitness::enforcement_fact(request.context.known_enforcement());
    let facts = fitness::facts(capabilities).into_iter().chain(tried);
    let facts: Vec<String> = facts.map(|(name, value)| format!("{name}: {value}")).collect();
    host.ui.remark(&format!("the cluster: {}", facts.join("; ")));
    for remark in fitness::remarks(&Needs::of(&request.inputs.profile), capabilities) {
        host.ui.remark(&format!("note: {remark}"));
    }
}

/// Prints a remark if the cluster ignores `NetworkPolicies`, for people.
pub(super) fn report_enforcement(request: &Request, host: &Host) {
    if let Some(remark) = fitness::enforcement_remark(request.context.known_enforcement()) {
        host.ui.remark(&format!("note: {remark}"));
    }
}

/// Prints a remark about a run that is working on the platform, for people.
pub(super) fn report_run(holder: &LockHolder, host: &Host) {
    host.ui.remark(&format!("note: {holder} is working on this platform, so its parts still change"));
}
