//! The pull of an image that a container of devplat needs: a node's or the registry's.

use devplat_kubernetes::pace::stoppable;
use devplat_plan::Physical;
use devplat_tool::{
    docker::EngineError,
    registry::{self, PushStep, PushTarget, RegistryError, RegistryLogin},
};

use super::Cx;
use crate::failure::{Failure, one_line};

/// Makes the engine pull an image that it does not have. `key` is the place in the profile that names another one. A stop
/// does not wait for the download.
pub(super) async fn pull_if_absent(image: &str, key: &str, cx: &Cx) -> Result<(), Failure> {
    let engine = cx.context.engine()?;
    if engine.image(image).await?.is_some() {
        return Ok(());
    }
    cx.report(format!("pulling {image}"));
    let login = login(image, cx).await;
    let pull = engine.pull(image, login, |step| {
        cx.report(format!(
            "pulling {image}: {} of {}",
            indicatif::DecimalBytes(step.done),
            indicatif::DecimalBytes(step.of)
        ));
    });
    let pull = async {
        // The engine ends a pull whose caller hangs up.
        match stoppable(cx, Box::pin(pull)).await? {
            Ok(()) => Ok(()),
            Err(error) => Err(explained(error, image, key, cx).await?),
        }
    };
    let pulled = Some(Physical(image.to_owned()));
    cx.call(format!("pull {image}"), |()| pulled, pull).await
}

/// The knowledge about an image that the engine could not pull.
enum Known {
    /// The engine itself failed, and its error has the remedy.
    Engine,
    /// The registry's answer to the engine was 404.
    Absent,
    /// The registry's answer to the engine was 401 or 403.
    Refused,
    /// This machine has searched for the image.
    Searched(Result<bool, RegistryError>),
}

/// Adds the remedies to the engine's failure. The engine answers 500 to most failures of a pull, with the reason only as
/// text, so this machine then searches for the image itself.
async fn explained(error: EngineError, image: &str, key: &str, cx: &Cx) -> Result<Failure, Failure> {
    let known = match &error {
        EngineError::Api { status: 404, .. } => Known::Absent,
        EngineError::Api { status: 401 | 403, .. } => Known::Refused,
        EngineError::Api { .. } => {
            cx.report(format!("searching for {image}, which the Docker engine could not pull"));
            Known::Searched(stoppable(cx, Box::pin(search(image, cx))).await?)
        }
        EngineError::NotRunning { .. }
        | EngineError::Forbidden { .. }
        | EngineError::Unreachable { .. }
        | EngineError::Unsupported { .. }
        | EngineError::Address { .. }
        | EngineError::Context { .. }
        | EngineError::PortTaken { .. }
        | EngineError::NoAddressRange { .. }
        | EngineError::NoSpace { .. }
        | EngineError::Exec { .. }
        | EngineError::Broken { .. }
        | EngineError::Slow { .. } => Known::Engine,
    };
    let failure = Failure::from(error);
    Ok(failure.with_hints(remedies(&known, image, key)))
}

async fn search(image: &str, cx: &Cx) -> Result<bool, RegistryError> {
    let (surroundings, clients) = (&cx.context.surroundings, &cx.context.registries);
    PushTarget::of_image(image, surroundings, clients).await?.holds().await
}

fn remedies(known: &Known, image: &str, key: &str) -> Vec<String> {
    let registry = registry::registry_of(image);
    let another = format!("name another image with --set {key}=REFERENCE");
    let log_in = || format!("log in with an account that may pull it: `docker login {registry}`");
    let offline =
        || format!("or load the image from a file that `docker save {image}` wrote elsewhere: `docker load`");
    match known {
        Known::Engine => Vec::new(),
        Known::Absent
        | Known::Searched(
            Ok(false) | Err(RegistryError::NotFound { .. } | RegistryError::Reference { .. }),
        ) => vec![another],
        // Docker Hub answers 401 for a repository that it does not have as well.
        Known::Refused
        | Known::Searched(Err(RegistryError::Unauthorized { .. } | RegistryError::Denied { .. })) => {
            vec![log_in(), format!("or {another}")]
        }
        Known::Searched(Ok(true)) => vec![
            format!(
                "registry {registry} has the image and answers this machine: check the network, DNS and proxy of the \
                 Docker engine with `docker pull {image}`"
            ),
            offline(),
        ],
        Known::Searched(Err(
            error @ (RegistryError::Unresolved { .. }
            | RegistryError::Unreachable { .. }
            | RegistryError::Silent { .. }),
        )) => vec![
            format!(
                "this machine does not reach it either ({}): check its network, DNS and proxy",
                one_line(error)
            ),
            offline(),
        ],
        Known::Searched(Err(RegistryError::Untrusted { .. })) => vec![format!(
            "add the certificate authority of registry {registry} to the Docker engine: \
             /etc/docker/certs.d/{registry}/ca.crt"
        )],
        Known::Searched(Err(RegistryError::SpeaksPlainHttp { .. })) => vec![format!(
            "registry {registry} speaks plain HTTP: if that is intended, add it to insecure-registries in \
             /etc/docker/daemon.json"
        )],
        Known::Searched(Err(
            error @ (RegistryError::Failing { .. }
            | RegistryError::NoSpace { .. }
            | RegistryError::Other { .. }),
        )) => vec![format!("{}: run the same command again later", one_line(error)), format!("or {another}")],
        Known::Searched(Err(error @ (RegistryError::Credentials { .. } | RegistryError::Store { .. }))) => {
            error.hint().into_iter().collect()
        }
    }
}

/// Returns the credentials that `docker login` stored for the registry of an image. A public image needs none, so that
/// those that cannot be read are only reported.
async fn login(image: &str, cx: &Cx) -> Option<RegistryLogin> {
    let tell = |step: PushStep<'_>| {
        if let PushStep::AskingHelper { program } = step {
            cx.report(format!("asking {program} for credentials"));
        }
    };
    match registry::credentials_of_image(&cx.context.surroundings, image, tell).await {
        Ok(login) => login,
        Err(error) => {
            let why = one_line(&error);
            cx.remark(&format!("pulling {image} without credentials: {why}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use super::*;

    const ANOTHER: &str = "name another image with --set images.local.image=REFERENCE";

    fn hints(known: &Known) -> Vec<String> {
        remedies(known, "registry.example/registry:3", "images.local.image")
    }

    #[test]
    fn another_image_is_suggested_only_where_it_helps() {
        let registry = || "registry.example".to_owned();
        assert_eq!(hints(&Known::Absent), [ANOTHER]);
        assert_eq!(hints(&Known::Searched(Ok(false))), [ANOTHER]);
        assert_eq!(hints(&Known::Engine), [""; 0]);
        let refused = hints(&Known::Refused);
        assert!(refused[0].ends_with("`docker login registry.example`"), "{refused:?}");
        assert!(refused[1].ends_with(ANOTHER), "{refused:?}");
        let source = io::Error::other("no such name");
        let silent = RegistryError::Silent { registry: registry(), after: Duration::from_secs(5) };
        for (error, why) in [
            (RegistryError::Unresolved { registry: registry(), source }, "no such name"),
            (silent, "gave no answer within 5 s"),
        ] {
            let said = hints(&Known::Searched(Err(error)));
            assert!(said[0].contains(why) && said[0].contains("DNS and proxy"), "{said:?}");
            assert!(!said.concat().contains("name another image"), "{said:?}");
        }
        let engine = hints(&Known::Searched(Ok(true)));
        assert!(engine[0].contains("of the Docker engine with `docker pull registry.example/"), "{engine:?}");
    }
}
