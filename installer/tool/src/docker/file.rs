//! Reads and writes files of containers, running or not, through the engine's archive API.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use bollard::query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions};
use futures::StreamExt;

use super::{Engine, EngineError, Stdin};

/// The size limit of files: devplat reads only records and configurations.
const LIMIT: usize = 4 << 20;
/// The script that deletes a file, and its folder if that is empty afterwards.
const REMOVE: &str = r#"rm -f -- "$1" && rmdir --ignore-fail-on-non-empty -- "$(dirname -- "$1")""#;

impl Engine {
    /// Reads a file of a container; `None` if the file does not exist. Follows one symbolic link, which the engine does
    /// not. Fails with 404 if the container does not exist.
    pub async fn read_file(&self, container: &str, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let target = match self.read_entry(container, path).await? {
            None => return Ok(None),
            Some(ArchiveEntry::File(content)) => return Ok(Some(content)),
            Some(ArchiveEntry::Link(target)) => target,
        };
        let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
        // An absolute target replaces the folder.
        let target = folder.join(target).to_string_lossy().into_owned();
        match self.read_entry(container, &target).await? {
            None => Ok(None),
            Some(ArchiveEntry::File(content)) => Ok(Some(content)),
            Some(ArchiveEntry::Link(_)) => {
                Err(damaged(reading(path, container), "it is a link to another link"))
            }
        }
    }

    /// Reads the file or the link at `path`.
    async fn read_entry(&self, container: &str, path: &str) -> Result<Option<ArchiveEntry>, EngineError> {
        let doing = || reading(path, container);
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let mut parts = self.docker.download_from_container(container, Some(options));
        let mut archive = Vec::new();
        while let Some(part) = parts.next().await {
            match part.map_err(self.error(doing())) {
                Ok(part) => archive.extend_from_slice(&part),
                // The engine answers the same for an absent file and for an absent container.
                Err(error) if error.is_not_found() => {
                    return if self.container(container).await?.is_some() { Ok(None) } else { Err(error) };
                }
                Err(error) => return Err(error),
            }
            if archive.len() > LIMIT {
                return Err(damaged(doing(), format!("it is longer than {} MiB", LIMIT >> 20)));
            }
        }
        entry_in(&archive).map(Some).map_err(|why| damaged(doing(), why))
    }

    /// Writes a file of a container, readable by all users. Creates its folder, but not the folders above.
    pub async fn write_file(&self, container: &str, path: &str, content: &[u8]) -> Result<(), EngineError> {
        let doing = format!("write {path} in container {container}");
        let archive = archive_of(path, content).map_err(|error| damaged(doing.clone(), error.to_string()))?;
        let options = UploadToContainerOptions { path: "/".to_owned(), ..Default::default() };
        let body = bollard::body_full(archive.into());
        let written = self.docker.upload_to_container(container, Some(options), body).await;
        match written.map_err(self.error(doing)) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explained(error).await),
        }
    }

    /// Deletes a file of a running container, and its folder if that is empty afterwards. The engine's archive API cannot
    /// delete.
    pub async fn remove_file(&self, container: &str, path: &str) -> Result<(), EngineError> {
        self.exec(container, &["sh", "-c", REMOVE, "sh", path], Stdin::Nothing).await.map(drop)
    }
}

/// The only entry of an archive from the engine.
#[derive(Debug, PartialEq, Eq)]
enum ArchiveEntry {
    /// The content of a regular file.
    File(Vec<u8>),
    /// The target of a symbolic link.
    Link(PathBuf),
}

fn reading(path: &str, container: &str) -> String {
    format!("read {path} of container {container}")
}

fn damaged(doing: String, why: impl Into<String>) -> EngineError {
    EngineError::Broken { doing, source: why.into().into() }
}

/// Reads the only entry of an archive from the engine.
fn entry_in(archive: &[u8]) -> Result<ArchiveEntry, String> {
    let mut archive = tar::Archive::new(archive);
    let mut entries = archive.entries().map_err(|error| error.to_string())?;
    let mut entry = match entries.next() {
        Some(entry) => entry.map_err(|error| format!("the engine sent a damaged archive: {error}"))?,
        None => return Err("the engine sent an empty archive".to_owned()),
    };
    if entry.header().entry_type().is_symlink() {
        let target = entry.link_name().map_err(|error| error.to_string())?;
        return target
            .map(|target| ArchiveEntry::Link(target.into_owned()))
            .ok_or_else(|| "it is a link without a target".to_owned());
    }
    if !entry.header().entry_type().is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let size = entry.size();
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.len() as u64 == size {
        Ok(ArchiveEntry::File(content))
    } else {
        Err("the engine sent a damaged archive: it is truncated".to_owned())
    }
}

/// Returns an archive with one file, to unpack at the root. The file's folder is in it only if it is not directly below
/// the root, because unpacking changes the mode of existing folders.
fn archive_of(path: &str, content: &[u8]) -> std::io::Result<Vec<u8>> {
    let path = Path::new(path.trim_start_matches('/'));
    let mut archive = tar::Builder::new(Vec::new());
    let header = |kind, mode, size| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(size);
        header
    };
    if let Some(folder) = path.parent().filter(|folder| folder.components().count() > 1) {
        archive.append_data(&mut header(tar::EntryType::Directory, 0o755, 0), folder, std::io::empty())?;
    }
    let mut file = header(tar::EntryType::Regular, 0o644, content.len() as u64);
    archive.append_data(&mut file, path, content)?;
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::recorded::Recorded;

    #[test]
    fn written_archive_reads_back() {
        let written = archive_of("/kind/devplat.json", b"{}").unwrap();
        assert_eq!(entry_in(&written).unwrap(), ArchiveEntry::File(b"{}".to_vec()));
        let nested = archive_of("/etc/devplat/cluster.json", b"{}").unwrap();
        let names: Vec<String> = tar::Archive::new(nested.as_slice())
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["etc/devplat", "etc/devplat/cluster.json"]);
    }

    /// Returns an archive with a symbolic link, as the engine sends it.
    fn link_to(target: &str) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_link(&mut header, "current.pem", target).unwrap();
        archive.into_inner().unwrap()
    }

    #[tokio::test]
    async fn one_link_is_followed() {
        for target in ["/pki/2026.pem", "2026.pem"] {
            let recorded = Recorded::new()
                .answer("GET /containers/n/archive?path=%2Fpki%2Fcurrent.pem", 200, link_to(target))
                .answer(
                    "GET /containers/n/archive?path=%2Fpki%2F2026.pem",
                    200,
                    archive_of("/2026.pem", b"x").unwrap(),
                )
                .serve()
                .await;
            let read = recorded.engine().read_file("n", "/pki/current.pem").await.unwrap();
            assert_eq!(read.as_deref(), Some(b"x".as_slice()), "{target}");
        }
        let circle = Recorded::new().answer("GET /containers/n/archive", 200, link_to("current.pem"));
        let error = circle.serve().await.engine().read_file("n", "/pki/current.pem").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read /pki/current.pem of container n");
    }

    #[test]
    fn damaged_archive_is_an_error_and_not_an_absent_file() {
        let whole = archive_of("/kind/devplat.json", &[b'x'; 2000]).unwrap();
        assert!(entry_in(&whole[..1024]).unwrap_err().contains("damaged"));
        assert!(entry_in(&[b'y'; 1024]).unwrap_err().contains("damaged"));
        assert!(entry_in(&[]).unwrap_err().contains("empty"));
    }
}
