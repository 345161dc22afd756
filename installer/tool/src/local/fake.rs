//! Programs and engines for tests: a script in place of kind or k3d, and an engine without containers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    Command, Surroundings,
    docker::recorded::{Recorded, RecordedEngine},
};

/// A script under a program's name. Its function `env` stores its environment.
pub(crate) struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    pub(crate) async fn new(program: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(program);
        let text = format!(
            "#!/bin/sh\nenv() {{ /usr/bin/env > '{}'; }}\n{script}\n",
            folder.path().join("environment").display()
        );
        // A child process writes the file: Linux refuses to start a file that is open for writing, and a child of
        // another test may have inherited our descriptor.
        let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
        let write = format!("cat > '{0}' && chmod 755 '{0}'", place.display());
        Command::new("sh", &shell).args(["-c", &write]).stdin(text).run().await.unwrap();
        Self { folder }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Returns surroundings in which the script is first on the `PATH`.
    pub(crate) fn surroundings<'a>(
        &self,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Surroundings {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        let mut all: Vec<(&str, &str)> = variables.into_iter().collect();
        all.push(("PATH", &path));
        Surroundings::new(all, Some(Path::new("/nowhere").to_owned()))
    }

    /// Returns the environment of the script.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.folder.path().join("environment")).unwrap();
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// Starts an engine without containers and images, whose network has one range.
pub(crate) async fn engine_without_containers() -> RecordedEngine {
    Recorded::new()
        .answer("GET /containers/json", 200, "[]")
        .answer(
            "GET /networks/devplat-team-a",
            200,
            r#"{"Name":"devplat-team-a","Id":"n1","IPAM":{"Config":[{"Subnet":"172.18.0.0/16"}]},"Labels":{}}"#,
        )
        .answer("GET /info", 200, r#"{"ID":"E1","DockerRootDir":"/","CgroupVersion":"2"}"#)
        .serve()
        .await
}
