//! An object that is waited for, with the reason.

use std::fmt;

use crate::ObjectRef;

/// An object that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub object: ObjectRef,
    /// The progress: `1 of 2 ready`, or one word.
    pub progress: String,
    /// The reason for the wait, if Kubernetes reports one.
    pub reason: Option<String>,
}

impl Waiting {
    /// A wait until `object` is gone, which `finalizers` may delay.
    pub(crate) fn deletion(object: ObjectRef, finalizers: &[String]) -> Self {
        let reason = (!finalizers.is_empty()).then(|| format!("held by {}", finalizers.join(", ")));
        Self { object, progress: "being deleted".to_owned(), reason }
    }

    /// A wait for `object`, which does not exist.
    pub(crate) fn absent(object: ObjectRef) -> Self {
        Self { object, progress: "absent".to_owned(), reason: None }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, progress, reason } = self;
        write!(f, "waiting for {object}: {progress}")?;
        match reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_the_object_its_progress_and_the_reason() {
        let object = |namespace: Option<&str>| ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "devserver-operator".to_owned(),
        };
        let waiting = |namespace, reason: Option<&str>| Waiting {
            object: object(namespace),
            progress: "1 of 2 ready".to_owned(),
            reason: reason.map(str::to_owned),
        };
        assert_eq!(
            waiting(None, Some("image pull")).to_string(),
            "waiting for Deployment devserver-operator: 1 of 2 ready: image pull"
        );
        assert_eq!(
            waiting(Some("devplat-system"), Some("image pull: no such host")).to_string(),
            "waiting for Deployment devplat-system/devserver-operator: 1 of 2 ready: image pull: no such host"
        );
        assert_eq!(
            waiting(None, None).to_string(),
            "waiting for Deployment devserver-operator: 1 of 2 ready"
        );
    }
}
