//! All writes to the API server go through here, get counted, and come back into the stores. What is written is
//! never logged: some of it is secret.

use std::sync::Arc;

use devplat_api::name;
use kube::{
    Client, Resource, ResourceExt,
    api::{DeleteParams, GetParams, Patch, PatchParams, ValidationDirective},
    core::{PartialObjectMeta, Request},
};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    fields,
    metrics::Metrics,
    observed::{Key, Observed},
    store::{Change, Store},
};

/// How often the owners of an object's fields are looked at, where somebody writes to it in between.
const ADOPTIONS: u32 = 5;

/// A write or a look that failed.
#[derive(Debug, Error)]
#[error("cannot {verb} {kind} {name}")]
pub(crate) struct CallFailed {
    /// What was tried.
    pub(crate) verb: &'static str,
    /// Kind of the object.
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: Key,
    /// What the API server said.
    #[source]
    pub(crate) source: kube::Error,
}

impl CallFailed {
    /// The API server's own words, or what kept us from hearing them.
    pub(crate) fn said(&self) -> String {
        match &self.source {
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        }
    }

    /// HTTP status, where there was an answer.
    pub(crate) fn code(&self) -> Option<u16> {
        match &self.source {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        }
    }

    /// Whether something of that name was there already.
    fn already_there(&self) -> bool {
        matches!(&self.source, kube::Error::Api(status) if status.reason == "AlreadyExists")
    }
}

/// The cluster, for writing.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
    metrics: Arc<Metrics>,
}

impl Cluster {
    /// Writes with `client`, counting in `metrics`.
    pub(crate) fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        Self { client, metrics }
    }

    /// The client underneath, for watching.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Server-side apply of `body` at `key`; the answer goes into `store`.
    pub(crate) async fn apply<T: Observed>(
        &self,
        store: &Store<T>,
        key: &Key,
        body: &Value,
    ) -> Result<Written<T>, CallFailed> {
        let request = request::<T::Raw>(key).patch(&key.name, &forced(), &Patch::Apply(body));
        let raw: T::Raw = self.send::<T, _>("apply", key, request).await?;
        self.count::<T>("apply");
        Ok(Written { generation: raw.meta().generation, change: store.written(raw) })
    }

    /// The same for an object that [`Self::make`] may have made: what `body` no longer says is gone from it afterwards.
    pub(crate) async fn apply_over<T: Observed>(
        &self,
        store: &Store<T>,
        key: &Key,
        body: &Value,
    ) -> Result<Written<T>, CallFailed> {
        let mut tries = 0;
        while let Err(failed) = self.adopt_fields::<T>(key).await {
            tries += 1;
            // Somebody wrote to it meanwhile.
            if tries == ADOPTIONS || !matches!(failed.code(), Some(409 | 422)) {
                return Err(failed);
            }
        }
        self.apply(store, key, body).await
    }

    async fn adopt_fields<T: Observed>(&self, key: &Key) -> Result<(), CallFailed> {
        let request = request::<T::Raw>(key).get_metadata(&key.name, &GetParams::default());
        let live: PartialObjectMeta<T::Raw> = match self.send::<T, _>("look at", key, request).await {
            Err(failed) if failed.code() == Some(404) => return Ok(()),
            answer => answer?,
        };
        let Some(patch) = fields::adoption(live.managed_fields()) else { return Ok(()) };
        let request = json_patch::<T::Raw>(key, &patch);
        self.send::<T, IgnoredAny>("own the fields of", key, request).await?;
        self.count::<T>("patch");
        Ok(())
    }

    /// Makes `body` at `key` where there is nothing; the answer goes into `store`. `None` where there is something:
    /// that stays as it is, whosever it is.
    pub(crate) async fn make<T: Observed>(
        &self,
        store: &Store<T>,
        key: &Key,
        body: &Value,
    ) -> Result<Option<Written<T>>, CallFailed> {
        match self.send::<T, T::Raw>("create", key, post::<T::Raw>(key, body)).await {
            Ok(raw) => {
                self.count::<T>("create");
                Ok(Some(Written { generation: raw.meta().generation, change: store.written(raw) }))
            }
            Err(failed) if failed.already_there() => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// An apply of an object that is not watched, and so in no store.
    pub(crate) async fn apply_unwatched<K: Resource<DynamicType = ()>>(
        &self,
        key: &Key,
        body: &Value,
    ) -> Result<(), CallFailed> {
        let kind = K::kind(&());
        let request = request::<K>(key).patch(&key.name, &forced(), &Patch::Apply(body));
        self.send_named::<IgnoredAny>("apply", &kind, key, request).await?;
        self.metrics.count_write(&kind, "apply");
        Ok(())
    }

    /// A make of an object that is not watched. Says whether it did: what is there already stays as it is.
    pub(crate) async fn make_unwatched<K: Resource<DynamicType = ()>>(
        &self,
        key: &Key,
        body: &Value,
    ) -> Result<bool, CallFailed> {
        let kind = K::kind(&());
        match self.send_named::<IgnoredAny>("create", &kind, key, post::<K>(key, body)).await {
            Ok(_) => {
                self.metrics.count_write(&kind, "create");
                Ok(true)
            }
            Err(failed) if failed.already_there() => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    /// The object at `key`, if there is one.
    pub(crate) async fn read<K: Resource<DynamicType = ()> + DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<K>, CallFailed> {
        let request = request::<K>(key).get(&key.name, &GetParams::default());
        match self.send_named("read", &K::kind(&()), key, request).await {
            Ok(object) => Ok(Some(object)),
            Err(failed) if failed.code() == Some(404) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// Sets an annotation of the object at `key`, if it is still there.
    ///
    /// No apply, because an apply would make a new object where the old one is just gone.
    pub(crate) async fn annotate<T: Observed>(
        &self,
        store: &Store<T>,
        key: &Key,
        annotation: &str,
        value: &str,
    ) -> Result<Option<Change<T>>, CallFailed> {
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        let params = PatchParams { field_manager: Some(name::OPERATOR.to_owned()), ..PatchParams::default() };
        let request = request::<T::Raw>(key).patch(&key.name, &params, &Patch::Merge(&patch));
        match self.send::<T, T::Raw>("annotate", key, request).await {
            Ok(raw) => {
                self.count::<T>("patch");
                Ok(store.written(raw))
            }
            Err(failed) if failed.code() == Some(404) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// Server-side apply of `status`.
    pub(crate) async fn apply_status<T: Observed>(
        &self,
        store: &Store<T>,
        key: &Key,
        status: &impl Serialize,
    ) -> Result<Written<T>, CallFailed> {
        let body = json!({
            "apiVersion": T::Raw::api_version(&()),
            "kind": T::Raw::kind(&()),
            "status": status,
        });
        let request =
            request::<T::Raw>(key).patch_subresource("status", &key.name, &forced(), &Patch::Apply(&body));
        let raw: T::Raw = self.send::<T, _>("write the status of", key, request).await?;
        self.count::<T>("status");
        Ok(Written { generation: raw.meta().generation, change: store.written(raw) })
    }

    /// Sets the finalizers from `old` to `new`, if nobody else changed them meanwhile.
    ///
    /// No apply, because an apply would make a new object where the old one is just gone.
    pub(crate) async fn set_finalizers<T: Observed>(
        &self,
        store: &Store<T>,
        key: &Key,
        old: &[String],
        new: &[String],
    ) -> Result<Option<Change<T>>, CallFailed> {
        let patch = if old.is_empty() {
            json!([{"op": "add", "path": "/metadata/finalizers", "value": new}])
        } else {
            json!([
                {"op": "test", "path": "/metadata/finalizers", "value": old},
                {"op": "replace", "path": "/metadata/finalizers", "value": new},
            ])
        };
        let request = json_patch::<T::Raw>(key, &patch);
        let raw: T::Raw = self.send::<T, _>("set the finalizers of", key, request).await?;
        self.count::<T>("patch");
        Ok(store.written(raw))
    }

    /// Deletes the object at `key`. One that is gone already counts as deleted.
    pub(crate) async fn delete<K: Resource<DynamicType = ()>>(&self, key: &Key) -> Result<(), CallFailed> {
        self.delete_with_answer::<K>(key).await.map(drop)
    }

    /// The same for objects that take their time to go, so that nobody deletes them twice.
    pub(crate) async fn delete_slowly<T: Observed>(
        &self,
        store: &Store<T>,
        key: &Key,
    ) -> Result<(), CallFailed> {
        let answer = self.delete_with_answer::<T::Raw>(key).await?;
        // What is gone at once answers with a status of the deletion instead of the object.
        let going = answer.filter(|answer| answer["kind"] == T::Raw::kind(&()).as_ref());
        if let Some(raw) = going.and_then(|object| serde_json::from_value(object).ok()) {
            store.written(raw);
        }
        Ok(())
    }

    async fn delete_with_answer<K: Resource<DynamicType = ()>>(
        &self,
        key: &Key,
    ) -> Result<Option<Value>, CallFailed> {
        let kind = K::kind(&());
        let request = request::<K>(key).delete(&key.name, &DeleteParams::background());
        match self.send_named("delete", &kind, key, request).await {
            Ok(answer) => {
                self.metrics.count_write(&kind, "delete");
                Ok(Some(answer))
            }
            Err(failed) if failed.code() == Some(404) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// Whether there is any object of the kind at `key`, ours or not.
    pub(crate) async fn exists<T: Observed>(&self, key: &Key) -> Result<bool, CallFailed> {
        let request = request::<T::Raw>(key).get_metadata(&key.name, &GetParams::default());
        match self.send::<T, IgnoredAny>("look for", key, request).await {
            Ok(_) => Ok(true),
            Err(failed) if failed.code() == Some(404) => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    async fn send<T: Observed, A: DeserializeOwned>(
        &self,
        verb: &'static str,
        key: &Key,
        request: Asked,
    ) -> Result<A, CallFailed> {
        self.send_named(verb, T::Raw::kind(&()).as_ref(), key, request).await
    }

    pub(crate) async fn send_named<A: DeserializeOwned>(
        &self,
        verb: &'static str,
        kind: &str,
        key: &Key,
        request: Asked,
    ) -> Result<A, CallFailed> {
        let failed = |source| CallFailed { verb, kind: kind.to_owned(), name: key.clone(), source };
        let request = request.map_err(kube::Error::BuildRequest).map_err(failed)?;
        self.client.request(request).await.map_err(failed)
    }

    fn count<T: Observed>(&self, verb: &'static str) {
        self.metrics.count_write(&T::Raw::kind(&()), verb);
    }
}

/// What a write led to.
#[derive(Debug)]
pub(crate) struct Written<T> {
    /// Generation of the object now.
    pub(crate) generation: Option<i64>,
    /// What is new, unless the watch knew it already.
    pub(crate) change: Option<Change<T>>,
}

fn request<K: Resource<DynamicType = ()>>(key: &Key) -> Request {
    let namespace = (!key.namespace.is_empty()).then_some(&*key.namespace);
    Request::new(K::url_path(&(), namespace))
}

type Asked = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

fn post<K: Resource<DynamicType = ()>>(key: &Key, body: &Value) -> Asked {
    let place = request::<K>(key).url_path;
    let url = format!("{place}?fieldManager={}&fieldValidation=Strict", name::OPERATOR);
    sent(http::Request::post(url), "application/json", body)
}

fn json_patch<K: Resource<DynamicType = ()>>(key: &Key, patch: &Value) -> Asked {
    let place = request::<K>(key).url_path;
    let url = format!("{place}/{}?fieldManager={}", key.name, name::OPERATOR);
    sent(http::Request::patch(url), "application/json-patch+json", patch)
}

fn sent(request: http::request::Builder, format: &str, body: &Value) -> Asked {
    request
        .header(http::header::CONTENT_TYPE, format)
        .body(body.to_string().into_bytes())
        .map_err(kube::core::request::Error::BuildRequest)
}

fn forced() -> PatchParams {
    PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply(name::OPERATOR).force()
    }
}
