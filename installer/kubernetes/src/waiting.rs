//! What is waited for, named.

use std::fmt;

use crate::ObjectRef;

/// What is waited for, and why it is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which object.
    pub object: ObjectRef,
    /// How far it is: how many of how many, or one word.
    pub progress: String,
    /// Why it is no further, where Kubernetes tells.
    pub reason: Option<String>,
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

/// Takes what is waited for, each time it changes.
pub type Tell<'a> = &'a (dyn Fn(&Waiting) + Send + Sync);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_sentence_names_what_is_waited_for_how_far_it_is_and_why_it_is_no_further() {
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
