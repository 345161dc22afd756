//! Several found resources that stand for one wanted resource.

use devplat_plan::{Sight, live};

use super::{AnyResource, Found};

/// Returns the one of these doubles that a plan keeps; `None` if all are foreign.
pub(crate) fn kept<'a>(all: &'a [Found], wanted: Option<&AnyResource>) -> Option<&'a Found> {
    let sights: Vec<Sight> = all.iter().map(|found| compared(found, wanted)).collect();
    all.get(live(&sights)?)
}

/// Returns the sight of a found resource, with the verdict of its comparison.
pub(crate) fn compared(found: &Found, wanted: Option<&AnyResource>) -> Sight {
    Sight { verdict: wanted.map(|resource| resource.compare(found)), ..found.sight.clone() }
}
