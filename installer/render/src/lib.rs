//! Templates to manifests.
