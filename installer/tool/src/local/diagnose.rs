//! Diagnoses a failed create of a cluster from facts of the engine and of this machine, read after the failure. The
//! program's own output is only displayed.

use std::net::SocketAddr;

use super::{ClusterError, Maker, Mapping};
use crate::{
    docker::Engine,
    limits::{self, Inotify},
    ports::{self, Port},
    process,
};

/// The known facts of a failed create.
pub(super) struct Attempt<'a> {
    pub(super) maker: Maker,
    pub(super) name: &'a str,
    /// The images of its nodes, as far as they are known.
    pub(super) images: Vec<&'a str>,
    /// The ports of this machine that it wanted.
    pub(super) ports: Vec<SocketAddr>,
}

impl Attempt<'_> {
    /// Returns the wanted ports of the nodes and of the API server.
    pub(super) fn ports(mappings: &[Mapping], api: Option<u16>) -> Vec<SocketAddr> {
        let mapped = mappings.iter().map(|mapping| SocketAddr::from((mapping.address, mapping.host_port)));
        let api = api.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        mapped.chain(api).filter(|address| address.port() != 0).collect()
    }

    /// Returns the reason for `error`.
    pub(super) async fn diagnose(self, engine: &Engine, error: process::Error) -> ClusterError {
        let Self { maker, name, images, ports } = self;
        let said = match error {
            process::Error::Failed { said, .. } => said,
            error @ (process::Error::Absent { .. }
            | process::Error::Start { .. }
            | process::Error::Slow { .. }
            | process::Error::TooMuch { .. }) => return ClusterError::Tool(error),
        };
        let name = name.to_owned();
        let failed = |source| ClusterError::Engine { name: name.clone(), source };
        // kind and k3d delete their own containers when they fail, so a container that is left existed before.
        match engine.containers(&maker.label(&name)).await {
            Ok(containers) if containers.is_empty() => {}
            Ok(_) => return ClusterError::AlreadyThere { name },
            Err(error) => return failed(error),
        }
        for image in images {
            match engine.image(image).await {
                Ok(Some(_)) => {}
                Ok(None) => return ClusterError::ImageNotPulled { name, image: image.to_owned(), said },
                Err(error) => return failed(error),
            }
        }
        if engine.is_local() {
            for address in ports {
                if let Port::InUse { holder } = ports::check(address) {
                    let (address, port) = (address.ip(), address.port());
                    return ClusterError::PortTaken { name, address, port, holder };
                }
            }
            if let Ok(info) = engine.info().await
                && let Ok(free) = limits::disk_free(&info.data_folder)
                && free < limits::FULL
            {
                return ClusterError::NoSpace { name, folder: info.data_folder, free };
            }
            if let Ok(inotify) = limits::inotify_of_root() {
                return by_inotify(name, said, inotify);
            }
        }
        ClusterError::Other { doing: format!("create cluster {name}"), said }
    }
}

/// Returns the error for a failure that no other fact explains.
fn by_inotify(name: String, said: String, inotify: Inotify) -> ClusterError {
    match inotify.too_low_for(1) {
        Some(low) => ClusterError::Inotify { name, low, said },
        None if inotify.complete => ClusterError::Other { doing: format!("create cluster {name}"), said },
        None => ClusterError::Unexplained { name, said, inotify },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the message and the hint for a machine with these limits, of which 100 instances are in use.
    fn diagnosed(max_instances: u64, max_watches: u64, complete: bool) -> (String, Option<String>) {
        let instances = if complete { 100 } else { 0 };
        let inotify = Inotify { instances, max_instances, watches: 0, max_watches, complete };
        let error = by_inotify("devplat".to_owned(), "no line matches".to_owned(), inotify);
        (error.to_string(), error.hint())
    }

    #[test]
    fn failure_on_a_machine_with_low_limits_names_the_limit() {
        for (instances, watches, complete, limit) in [
            (110, 8192, true, "fs.inotify.max_user_instances"),
            (24, 8192, false, "fs.inotify.max_user_instances"),
            (1024, 100, true, "fs.inotify.max_user_watches"),
            (1024, 512, false, "fs.inotify.max_user_watches"),
        ] {
            let (message, hint) = diagnosed(instances, watches, complete);
            assert!(message.contains("inotify") && message.contains("no line matches"), "{message}");
            let hint = hint.unwrap();
            assert!(hint.contains(limit) && hint.contains("/etc/sysctl.d/"), "{hint}");
        }
    }

    #[test]
    fn limits_are_only_suspected_if_their_use_is_unknown() {
        let (message, hint) = diagnosed(128, 8192, false);
        assert_eq!(message, "cannot create cluster devplat: no line matches");
        let hint = hint.unwrap();
        assert!(hint.starts_with("if its nodes report `too many open files`"), "{hint}");
        assert!(hint.contains("128 inotify instances") && hint.contains("/etc/sysctl.d/"), "{hint}");
        let (message, hint) = diagnosed(1024, 8192, true);
        assert_eq!((message.as_str(), hint), ("cannot create cluster devplat: no line matches", None));
    }
}
