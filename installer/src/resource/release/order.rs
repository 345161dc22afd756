//! The order in which the releases are applied. Pure.

use devplat_kubernetes::release::ReleaseState;
use devplat_render::ReleaseName;

/// The order of the releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The CRDs come first, because a new operator may need new fields.
    CrdsFirst,
    /// Flavors are being deleted. Only the operator releases them, so it comes before the flavors.
    OperatorBeforeFlavors,
    /// CRDs are being deleted, and Kubernetes waits for their objects, which only the operator releases. It comes first,
    /// and works without the CRDs that are already gone.
    OperatorFirst,
}

impl Order {
    /// Returns the order for these found states of the releases with the CRDs and the flavors.
    pub(super) fn of(crds: Option<&ReleaseState>, flavors: Option<&ReleaseState>) -> Self {
        if crds.is_some_and(|state| leaves(state, "CustomResourceDefinition")) {
            Self::OperatorFirst
        } else if flavors.is_some_and(|state| leaves(state, "DevServerFlavor")) {
            Self::OperatorBeforeFlavors
        } else {
            Self::CrdsFirst
        }
    }

    /// Returns the releases that have to be applied before `name`.
    pub(super) fn needs(self, name: ReleaseName) -> &'static [ReleaseName] {
        match (self, name) {
            (Self::OperatorBeforeFlavors, ReleaseName::Flavors) => {
                &[ReleaseName::Crds, ReleaseName::Operator]
            }
            (Self::OperatorFirst, ReleaseName::Operator) => &[],
            (Self::OperatorFirst, ReleaseName::Crds) => &[ReleaseName::Operator],
            (Self::OperatorFirst, ReleaseName::Users) => &[ReleaseName::Crds],
            (Self::CrdsFirst, _)
            | (
                Self::OperatorBeforeFlavors,
                ReleaseName::Crds | ReleaseName::Operator | ReleaseName::Bastion | ReleaseName::Users,
            )
            | (Self::OperatorFirst, ReleaseName::Bastion | ReleaseName::Flavors) => name.needs(),
        }
    }
}

/// Returns whether an object of `kind` is being deleted.
fn leaves(state: &ReleaseState, kind: &str) -> bool {
    state.leaving().iter().any(|waiting| waiting.object.kind == kind)
}

#[cfg(test)]
mod tests {
    use devplat_kubernetes::{ObjectRef, Waiting};

    use super::*;

    fn leaving(kind: &str) -> ReleaseState {
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: None,
            name: "a".to_owned(),
        };
        ReleaseState::Leaving(vec![Waiting { object, progress: "being deleted".to_owned(), reason: None }])
    }

    #[test]
    fn operator_comes_before_the_objects_that_it_has_to_release() {
        let (crd, flavor) = (leaving("CustomResourceDefinition"), leaving("DevServerFlavor"));
        let namespace = leaving("Namespace");
        assert_eq!(Order::of(Some(&crd), Some(&flavor)), Order::OperatorFirst);
        assert_eq!(Order::of(None, Some(&flavor)), Order::OperatorBeforeFlavors);
        assert_eq!(Order::of(Some(&namespace), Some(&namespace)), Order::CrdsFirst);
        assert_eq!(Order::of(Some(&ReleaseState::Absent), None), Order::CrdsFirst);
    }

    #[test]
    fn every_order_applies_all_releases() {
        for order in [Order::CrdsFirst, Order::OperatorBeforeFlavors, Order::OperatorFirst] {
            let mut applied: Vec<ReleaseName> = Vec::new();
            while applied.len() < ReleaseName::ALL.len() {
                let free = ReleaseName::ALL.into_iter().find(|name| {
                    !applied.contains(name) && order.needs(*name).iter().all(|need| applied.contains(need))
                });
                applied.push(free.unwrap_or_else(|| panic!("{order:?} has a circle: {applied:?}")));
            }
            let place = |name: ReleaseName| applied.iter().position(|applied| *applied == name);
            let operator = place(ReleaseName::Operator);
            assert!(place(ReleaseName::Users) > place(ReleaseName::Crds).max(operator), "{order:?}");
            assert_eq!(place(ReleaseName::Crds) > operator, order == Order::OperatorFirst);
            assert!(order == Order::CrdsFirst || place(ReleaseName::Flavors) > operator, "{order:?}");
        }
    }
}
