//! Chooses the engine by the rules of Docker's own command, so that devplat, kind and k3d use the same one.

use std::{fs, io, path::PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    address::Address,
    error::{DockerContextError, EngineError},
    setting::Setting,
};
use crate::Surroundings;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine's address, and the name of the Docker context that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The context's name; `default` if the address comes from `DOCKER_HOST` or is Docker's default.
    pub context: String,
    pub address: Address,
    /// The setting that it comes from.
    pub setting: Setting,
}

impl Endpoint {
    /// Returns the engine that Docker's command would use: `DOCKER_HOST`, else `DOCKER_CONTEXT`, else `currentContext`
    /// of Docker's configuration, else the socket of this machine.
    pub fn of(surroundings: &Surroundings) -> Result<Self, EngineError> {
        let named = |context: &str| {
            let context = context.to_owned();
            move |why| EngineError::Context { context, why }
        };
        if let Some(host) = surroundings.text("DOCKER_HOST") {
            let tls = surroundings.get("DOCKER_TLS_VERIFY").or(surroundings.get("DOCKER_TLS")).is_some();
            let folder = surroundings
                .get("DOCKER_CERT_PATH")
                .map(PathBuf::from)
                .or_else(|| surroundings.docker_folder());
            let setting = Setting::Host(host.to_owned());
            let address = Address::parse(host, folder.filter(|_| tls), &setting)?;
            return Ok(Self { context: "default".to_owned(), address, setting });
        }
        let chosen = surroundings.text("DOCKER_CONTEXT");
        let name = match chosen {
            Some(name) => name.to_owned(),
            None => current_context(surroundings)
                .map_err(named("default"))?
                .unwrap_or_else(|| "default".to_owned()),
        };
        if name == "default" {
            let address = Address::Unix(DEFAULT_SOCKET.into());
            return Ok(Self { context: name, address, setting: Setting::Default });
        }
        let setting = |host: String| Setting::Context { name: name.clone(), host, chosen: chosen.is_some() };
        let (host, certificates) = context(surroundings, &name, setting)?;
        let setting = setting(host.clone());
        Ok(Self { address: Address::parse(&host, certificates, &setting)?, context: name, setting })
    }
}

/// Reads the context that Docker's own configuration names.
fn current_context(surroundings: &Surroundings) -> Result<Option<String>, DockerContextError> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Config {
        #[serde(default)]
        current_context: String,
    }
    let Some(path) = surroundings.docker_folder().map(|folder| folder.join("config.json")) else {
        return Ok(None);
    };
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DockerContextError::Unreadable { path, source }),
    };
    let config = match serde_json::from_slice(&text) {
        Ok(config) => config,
        // Docker takes an empty file for an absent one.
        Err(_) if text.trim_ascii().is_empty() => Config::default(),
        Err(source) => return Err(DockerContextError::Malformed { path, source }),
    };
    Ok(Some(config.current_context).filter(|name| !name.is_empty()))
}

/// Reads the host that a context names, and the folder of its certificates.
fn context(
    surroundings: &Surroundings,
    name: &str,
    setting: impl Fn(String) -> Setting,
) -> Result<(String, Option<PathBuf>), EngineError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Meta {
        endpoints: Endpoints,
    }
    #[derive(Deserialize)]
    struct Endpoints {
        docker: Docker,
    }
    #[derive(Deserialize)]
    struct Docker {
        #[serde(rename = "Host", default)]
        host: String,
        #[serde(rename = "SkipTLSVerify", default)]
        skip_tls_verify: bool,
    }
    let failed = |why| EngineError::Context { context: name.to_owned(), why };
    let folder = surroundings.docker_folder().unwrap_or_default().join("contexts");
    let id = id(name);
    let path = folder.join("meta").join(&id).join("meta.json");
    let text = fs::read(&path).map_err(|source| {
        failed(match source.kind() {
            io::ErrorKind::NotFound => DockerContextError::Absent(path.clone()),
            _ => DockerContextError::Unreadable { path: path.clone(), source },
        })
    })?;
    let Meta { endpoints: Endpoints { docker: Docker { host, skip_tls_verify } } } =
        serde_json::from_slice(&text)
            .map_err(|source| failed(DockerContextError::Malformed { path, source }))?;
    if skip_tls_verify {
        let what = "TLS without verification (SkipTLSVerify)";
        return Err(EngineError::Unsupported { setting: setting(host), what });
    }
    let certificates = folder.join("tls").join(id).join("docker");
    Ok((host, certificates.is_dir().then_some(certificates)))
}

/// Returns the name of a context's folder.
fn id(name: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(name.as_bytes()).iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A folder of Docker's configuration with the context `second`, as `docker context create` writes it.
    fn configured(current: &str) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let docker = home.path().join(".docker");
        let meta = docker.join("contexts/meta").join(id("second"));
        fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"second","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///tmp/d2.sock","SkipTLSVerify":false}}}"#;
        fs::write(meta.join("meta.json"), text).unwrap();
        fs::write(docker.join("config.json"), format!("{{\"auths\":{{}},\"currentContext\":\"{current}\"}}"))
            .unwrap();
        let path = home.path().to_owned();
        (home, path)
    }

    fn url(variables: &[(&str, &str)], home: &Path) -> String {
        let surroundings = Surroundings::new(variables.iter().copied(), Some(home.to_owned()));
        let Endpoint { context, address, setting: _ } = Endpoint::of(&surroundings).unwrap();
        format!("{context} {}", address.url())
    }

    #[test]
    fn engine_is_chosen_in_the_order_of_dockers_command() {
        assert_eq!(id("second"), "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4");
        let (_home, home) = configured("second");
        assert_eq!(url(&[], &home), "second unix:///tmp/d2.sock");
        assert_eq!(url(&[("DOCKER_CONTEXT", "default")], &home), "default unix:///var/run/docker.sock");
        let both = [("DOCKER_CONTEXT", "second"), ("DOCKER_HOST", "tcp://10.9.0.2:2375")];
        assert_eq!(url(&both, &home), "default tcp://10.9.0.2:2375");
        assert_eq!(url(&[("DOCKER_HOST", "")], &home), "second unix:///tmp/d2.sock");
        let (_home, home) = configured("");
        assert_eq!(url(&[("DOCKER_CONTEXT", "second")], &home), "second unix:///tmp/d2.sock");
        assert_eq!(url(&[], &home), "default unix:///var/run/docker.sock");
        assert_eq!(url(&[], Path::new("/nowhere")), "default unix:///var/run/docker.sock");
    }

    #[test]
    fn unknown_and_malformed_contexts_are_different_errors() {
        let (_home, home) = configured("gone");
        let error = |variables: &[(&str, &str)]| {
            Endpoint::of(&Surroundings::new(variables.iter().copied(), Some(home.clone()))).unwrap_err()
        };
        assert!(
            matches!(error(&[]), EngineError::Context { context, why: DockerContextError::Absent(_) } if context == "gone")
        );
        assert!(matches!(error(&[("DOCKER_HOST", "ssh://me@engine")]), EngineError::Unsupported { .. }));
        fs::write(home.join(".docker/config.json"), "\n").unwrap();
        assert_eq!(url(&[], &home), "default unix:///var/run/docker.sock");
        fs::write(home.join(".docker/config.json"), "{\"currentContext\": ").unwrap();
        let broken = error(&[]);
        assert!(broken.to_string().contains("line 1 column"), "{broken}");
    }

    #[test]
    fn configuration_that_cannot_be_read_has_a_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_home, home) = configured("second");
        let file = home.join(".docker/config.json");
        let hint = || {
            let surroundings = Surroundings::new([("PATH", "")], Some(home.clone()));
            Endpoint::of(&surroundings).unwrap_err().hint().unwrap()
        };
        // Root may read every file.
        if !rustix::process::geteuid().is_root() {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
            assert_eq!(hint(), format!("let this account read {}: `ls -ld` shows its mode", file.display()));
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(hint(), format!("{} is a folder where Docker keeps a file: move it away", file.display()));
    }

    #[test]
    fn malformed_address_is_reported_with_its_setting_and_the_forms() {
        let (_home, home) = configured("second");
        let meta = home.join(".docker/contexts/meta").join(id("second")).join("meta.json");
        let error = |variables: &[(&str, &str)]| {
            Endpoint::of(&Surroundings::new(variables.iter().copied(), Some(home.clone()))).unwrap_err()
        };
        let forms = "an address is unix:///PATH, tcp://HOST:PORT or HOST:PORT";
        for host in ["tcp://", "gopher://x", "unix://relative", "tcp://a:b", "a b", "tcp://h:1/x", "[::1]x"] {
            let error = error(&[("DOCKER_HOST", host)]);
            assert!(matches!(error, EngineError::Address { .. }), "{host}: {error}");
            let why = format!("DOCKER_HOST={host:?} does not name a Docker engine");
            assert_eq!(error.to_string(), why);
            let hint = error.hint().unwrap();
            assert!(hint.contains(forms) && hint.contains("`unset DOCKER_HOST`"), "{hint}");
        }
        let text = fs::read_to_string(&meta).unwrap().replace("unix:///tmp/d2.sock", "tcp://");
        fs::write(&meta, text).unwrap();
        let chosen = error(&[("DOCKER_CONTEXT", "second")]);
        let why = "Docker context \"second\" with the endpoint \"tcp://\" does not name a Docker engine";
        assert_eq!(chosen.to_string(), why);
        assert!(chosen.hint().unwrap().contains("`unset DOCKER_CONTEXT`"), "{chosen:?}");
        let current = error(&[]).hint().unwrap();
        assert!(current.contains(forms) && current.contains("`docker context use default`"), "{current}");
    }
}
