//! devplat and its operator on a real API server.

#[cfg(test)]
mod apiserver {
    mod cluster;
    mod context;
    mod context_facts;
    mod crds;
    mod devctl;
    mod health;
    mod leader;
    mod namespace;
    mod operator;
    mod policy;
    mod proof;
    mod release;
    mod releases;
    mod rights;
    mod server;
    mod silence;
    mod ssh;
    mod user;
    mod validation;
}
