//! The pods that an apply of releases would start, tried before the first object is applied.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use kube::{Client, ResourceExt, api::DynamicObject};

use super::{Release, unchanged};
use crate::{
    Error, ObjectRef, Pace,
    admission::PodTrial,
    call::{ApiServer, Call, CallVerb, Class},
};

/// Returns trials of the pods of all Deployments in `releases` that are missing or differ. A Deployment that is as
/// wanted starts no pod, so a quota that its running pods exhaust does not matter.
pub async fn trials(client: &Client, releases: &[Release], pace: &dyn Pace) -> Result<Vec<PodTrial>, Error> {
    let server = ApiServer { client, pace };
    let wanted = wanted(releases)
        .map_err(|(object, error)| Call::new(CallVerb::Apply, &object).error(Class::Other(Box::new(error))))?
        .into_iter();
    let looks: Vec<_> = wanted.map(|(object, trial)| if_changed(server, object, trial)).collect();
    Ok(try_join_all(looks).await?.into_iter().flatten().collect())
}

/// Returns the Deployments, each with a trial of its pod in a namespace with the labels that the releases set. Fails with
/// the first that is none by its fields.
fn wanted(releases: &[Release]) -> Result<Vec<(&DynamicObject, PodTrial)>, (ObjectRef, serde_json::Error)> {
    let objects = || releases.iter().flat_map(|release| &release.objects);
    let namespaces: BTreeMap<String, &DynamicObject> = objects()
        .filter(|object| object.types.as_ref().is_some_and(|types| types.kind == "Namespace"))
        .map(|namespace| (namespace.name_any(), namespace))
        .collect();
    let trial = |object: &DynamicObject| {
        let namespace = namespaces.get(&object.namespace()?);
        PodTrial::of(object, namespace.map(|namespace| namespace.labels().clone()).unwrap_or_default())
    };
    let all = objects().filter_map(|object| Some((object, trial(object)?)));
    all.map(|(object, trial)| Ok((object, trial.map_err(|error| (ObjectRef::of(object), error))?))).collect()
}

async fn if_changed(
    server: ApiServer<'_>,
    object: &DynamicObject,
    trial: PodTrial,
) -> Result<Option<PodTrial>, Error> {
    let live = server.read(&ObjectRef::of(object)).await?;
    let same = live.is_some_and(|live| unchanged::is_unchanged(object, &live));
    Ok((!same).then_some(trial))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn deployment(namespace: &str, image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": namespace},
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
        })
    }

    /// Of two releases, the second Deployment stands as wanted. The namespace of the first one is in the other release.
    #[tokio::test]
    async fn only_changed_deployments_are_tried_with_the_labels_of_their_namespaces() {
        let mut standing = deployment("standing", "i:1");
        standing["metadata"]["managedFields"] = json!([{
            "manager": "devplat", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"main\"}": {".": {}, "f:name": {}, "f:image": {}}
            }}}}},
        }]);
        let client = client(move |request| {
            if request.uri().path().contains("/standing/") {
                return (200, standing.clone());
            }
            (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "none"}))
        });
        let release = |name: &str, objects: Vec<Value>| Release {
            platform: "devplat".to_owned(),
            name: name.to_owned(),
            account: None,
            objects: objects.into_iter().map(object).collect(),
            digest: String::new(),
        };
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new", "labels": {"level": "high"}}
        });
        let of = async |image: &str| {
            let first = release("first", vec![namespace.clone(), deployment("standing", image)]);
            let second = release("second", vec![deployment("new", "i:1")]);
            let mut trials = trials(&client, &[first, second], &Steady).await.unwrap();
            trials.sort_by(|one, other| one.namespace.cmp(&other.namespace));
            trials
        };
        let unchanged = of("i:1").await;
        assert_eq!(unchanged.iter().map(|trial| &trial.namespace).collect::<Vec<_>>(), ["new"]);
        assert_eq!(unchanged[0].namespace_labels["level"], "high");
        let changed = of("i:2").await;
        assert_eq!(changed.iter().map(|trial| &trial.namespace).collect::<Vec<_>>(), ["new", "standing"]);
    }
}
