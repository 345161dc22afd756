//! The lines about an existing cluster that several verbs print.

use crate::{
    host::Host,
    request::Request,
    resource::fitness::{self, Needs},
};

/// Prints the capabilities of an existing cluster and the remarks on them, for people.
pub(super) fn report(request: &Request, host: &Host) {
    let Some(capabilities) = request.world.known_capabilities() else { return };
    let facts: Vec<String> =
        fitness::facts(capabilities).into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    host.ui.remark(&format!("the cluster: {}", facts.join("; ")));
    for remark in fitness::remarks(&Needs::of(&request.inputs.profile), capabilities) {
        host.ui.remark(&format!("note: {remark}"));
    }
}
