//! Reads kubeconfigs from a list of files and merges them as kubectl does.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use kube::config::{AuthInfo, Cluster, Kubeconfig};

/// The largest file that is read; a kubeconfig of 1000 clusters has about 5 MiB.
const LIMIT: u64 = 64 * 1024 * 1024;

/// The reason why a kubeconfig cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// The file cannot be read: it is a folder, or the user lacks the right.
    #[error("cannot read kubeconfig {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is too large for a kubeconfig.
    #[error("kubeconfig {} has more than {} MiB", .path.display(), LIMIT / 1024 / 1024)]
    Large {
        /// The file.
        path: PathBuf,
    },
    /// The file is not UTF-8 or UTF-16.
    #[error("kubeconfig {} is not a text", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a kubeconfig.
    #[error("kubeconfig {}:{line}:{column} cannot be used: {why}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line of the mistake, from 1; 0 if unknown.
        line: u64,
        /// The column of the mistake, from 1; 0 if unknown.
        column: u64,
        /// The parser's message, without values of the file.
        why: String,
    },
}

impl KubeconfigError {
    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            Self::Read { path, source } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    format!(
                        "make {} readable for this account, or name another in KUBECONFIG",
                        path.display()
                    )
                }
                io::ErrorKind::IsADirectory => {
                    format!("{} is a folder: name a file in KUBECONFIG", path.display())
                }
                _ => format!("name another file than {} in KUBECONFIG", path.display()),
            },
            Self::Large { path } | Self::NotText { path } => {
                format!("name another file than {} in KUBECONFIG", path.display())
            }
            Self::Parse { path, .. } => {
                format!("correct {}, or name another file in KUBECONFIG", path.display())
            }
        }
    }
}

/// Reads `files` in order: the first that sets a value wins. Missing and empty files are skipped. Paths in a file are
/// relative to the file's folder.
pub fn load(files: &[PathBuf]) -> Result<Kubeconfig, KubeconfigError> {
    let mut merged = Kubeconfig::default();
    for path in files {
        let Some(text) = read(path)? else { continue };
        // kubectl reads only the first document. devplat also merges further ones, as it always has.
        let documents: Vec<Option<Kubeconfig>> =
            serde_saphyr::from_multiple(&text).map_err(|error| mistake(path, &error))?;
        for mut document in documents.into_iter().flatten() {
            anchor(&mut document, path.parent().unwrap_or(Path::new("")));
            merge(&mut merged, document);
        }
    }
    Ok(merged)
}

fn read(path: &Path) -> Result<Option<String>, KubeconfigError> {
    let bytes = match bytes_of(path) {
        Ok(bytes) => bytes,
        Err(error) if missing(&error) => return Ok(None),
        Err(error) => return Err(KubeconfigError::Read { path: path.to_owned(), source: error }),
    };
    if bytes.len() as u64 > LIMIT {
        return Err(KubeconfigError::Large { path: path.to_owned() });
    }
    let text = decode(bytes).ok_or_else(|| KubeconfigError::NotText { path: path.to_owned() })?;
    Ok((!text.trim().is_empty()).then_some(text))
}

/// Reads a file, up to one byte more than [`LIMIT`]. A pipe has no length before it is read.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Decodes UTF-8, or UTF-16 with a byte order mark, which editors on Windows write.
fn decode(bytes: Vec<u8>) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes).ok(),
    }
}

fn mistake(path: &Path, error: &serde_saphyr::Error) -> KubeconfigError {
    let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
    let why = error.without_snippet().to_string();
    KubeconfigError::Parse { path: path.to_owned(), line, column, why: without_values(&why) }
}

/// Returns the parser's message without its quotes from the file, which could be a token.
fn without_values(words: &str) -> String {
    let first = words.lines().next().unwrap_or_default();
    let mut parts = first.split('"');
    let mut out = parts.next().unwrap_or_default().to_owned();
    while parts.next().is_some() {
        out.push('…');
        out.push_str(parts.next().unwrap_or_default());
    }
    out
}

/// Makes relative paths absolute, starting from `folder`.
fn anchor(kubeconfig: &mut Kubeconfig, folder: &Path) {
    let join = |path: &mut Option<String>| {
        if let Some(text) = path
            && !text.is_empty()
            && Path::new(text.as_str()).is_relative()
        {
            *text = folder.join(text.as_str()).display().to_string();
        }
    };
    for Cluster { certificate_authority, .. } in
        kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut())
    {
        join(certificate_authority);
    }
    for AuthInfo { client_certificate, client_key, token_file, exec, .. } in
        kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut())
    {
        join(client_certificate);
        join(client_key);
        join(token_file);
        // A command without a separator is looked up in PATH.
        if let Some(exec) = exec
            && exec.command.as_ref().is_some_and(|command| command.contains('/'))
        {
            join(&mut exec.command);
        }
    }
}

fn merge(merged: &mut Kubeconfig, next: Kubeconfig) {
    add(&mut merged.clusters, next.clusters, |one| &one.name);
    add(&mut merged.auth_infos, next.auth_infos, |one| &one.name);
    add(&mut merged.contexts, next.contexts, |one| &one.name);
    let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if !set(&merged.current_context) && set(&next.current_context) {
        merged.current_context = next.current_context;
    }
}

fn add<T>(merged: &mut Vec<T>, next: Vec<T>, name: impl Fn(&T) -> &String) {
    for one in next {
        if !merged.iter().any(|known| name(known) == name(&one)) {
            merged.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    const CLUSTER: &str = "clusters: [{name: a, cluster: {server: 'https://a', certificate-authority: ca.crt}}]\n\
                           contexts: [{name: a, context: {cluster: a, user: b}}]\ncurrent-context: a\n";
    const USER: &str = "users: [{name: b, user: {exec: {command: ./plug}}}, {name: c, user: {exec: {command: plug}}}]\n\
                        clusters: [{name: a, cluster: {server: 'https://other'}}]\ncurrent-context: x\n";

    #[test]
    fn first_file_with_a_value_wins_and_paths_start_at_their_file() {
        let folder =
            folder(&[("one/a.yaml", CLUSTER), ("two/b.yaml", USER), ("empty", ""), ("null", "clusters:\n")]);
        let path = |name: &str| folder.path().join(name);
        let files = ["missing", "empty", "null", "one/a.yaml", "two/b.yaml"].map(path);
        let merged = load(&files).unwrap();
        assert_eq!(merged.current_context.as_deref(), Some("a"));
        let cluster = merged.clusters[0].cluster.as_ref().unwrap();
        assert_eq!((merged.clusters.len(), cluster.server.as_deref()), (1, Some("https://a")));
        assert_eq!(cluster.certificate_authority, Some(path("one/ca.crt").display().to_string()));
        let command = |index: usize| {
            let user: &AuthInfo = merged.auth_infos[index].auth_info.as_ref().unwrap();
            user.exec.as_ref().unwrap().command.clone().unwrap()
        };
        assert!(command(0).ends_with("two/./plug"), "{}", command(0));
        assert_eq!(command(1), "plug");
    }

    #[test]
    fn missing_files_alone_are_an_empty_kubeconfig() {
        let folder = folder(&[]);
        let merged = load(&[folder.path().join("none"), folder.path().join("none/below")]).unwrap();
        assert!(merged.contexts.is_empty() && merged.current_context.is_none());
    }

    #[test]
    fn broken_file_is_named_with_line_and_column_and_without_its_values() {
        let folder = folder(&[
            ("syntax", "a: [\n"),
            ("type", "users:\n- name: me\n  user: {token: [sesame]}\n"),
            ("text", "users: sesame\n"),
        ]);
        for (name, line) in [("syntax", 1), ("type", 3), ("text", 1)] {
            let path = folder.path().join(name);
            let error = load(std::slice::from_ref(&path)).unwrap_err();
            let KubeconfigError::Parse { path: told, line: at, .. } = &error else { panic!("{error:?}") };
            assert_eq!(told, &path);
            assert!(*at >= line, "{error}");
            let text = error.to_string();
            assert!(text.contains(&format!("{}:{at}:", path.display())), "{text}");
            assert!(!text.contains("sesame") && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn folder_in_the_list_is_an_error_with_its_name() {
        let folder = folder(&[]);
        let error = load(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read kubeconfig {}", folder.path().display()));
        assert_eq!(
            error.hint(),
            format!("{} is a folder: name a file in KUBECONFIG", folder.path().display())
        );
    }

    #[test]
    fn files_written_by_windows_editors_are_read() {
        let folder = folder(&[]);
        let path = folder.path().join("wide");
        let wide: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(CLUSTER.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        fs::write(&path, wide).unwrap();
        assert_eq!(load(&[path]).unwrap().current_context.as_deref(), Some("a"));
    }
}
