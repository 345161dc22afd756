//! OCI images put together without Docker.
