//! The store's content, and its recovery from damage and interruption.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt,
    slice,
    time::{Duration, SystemTime},
};

use super::*;
use crate::{ArchiveError, write_archive, write_tagged_archive};

fn program_in(folder: &Path, age: u64, mode: u32) -> PathBuf {
    let path = folder.join("devplat-operator");
    fs::write(&path, b"#!/bin/true\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(age))
        .unwrap();
    path
}

fn assembled(age: u64, mode: u32) -> (tempfile::TempDir, Store, Key, Stored) {
    let folder = tempfile::tempdir().unwrap();
    let binary = program_in(folder.path(), age, mode);
    let store = Store::new(folder.path().join("images"));
    let key = Key::of_programs(ImageName::Operator, &[&binary]).unwrap();
    let stored = store.assemble_programs(ImageName::Operator, &key, &[&binary]).unwrap();
    (folder, store, key, stored)
}

#[test]
fn folder_time_and_mode_of_a_program_do_not_change_its_image() {
    let (_one, _, key, first) = assembled(0, 0o755);
    let (_two, _, other_key, second) = assembled(86_400, 0o600);
    assert_eq!(key, other_key);
    assert_eq!(first.manifest, second.manifest);
    let (mut first_archive, mut second_archive) = (Vec::new(), Vec::new());
    write_archive(&[first], &HashSet::new(), &mut first_archive).unwrap();
    write_archive(&[second], &HashSet::new(), &mut second_archive).unwrap();
    assert!(first_archive == second_archive);
}

#[test]
fn layer_of_a_tiny_program_is_the_one_pinned() {
    // A change of a layer's content has to raise ASSEMBLER in key.rs, or old images stay in use.
    let mut layer = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    layer::programs(&[&program_in(folder.path(), 0, 0o755)], &mut layer).unwrap();
    assert_eq!(
        Digest::of(&layer).to_string(),
        "sha256:642ae3145c21a51ac7f598f6451a66b8746cea9ea81938ae52ddc5cbbea68636"
    );
    let names: Vec<String> = tar::Archive::new(layer.as_slice())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(
        names,
        [
            "devplat-operator",
            "etc/",
            "etc/passwd",
            "etc/ssl/",
            "etc/ssl/certs/",
            "etc/ssl/certs/ca-certificates.crt"
        ]
    );
}

#[test]
fn layer_is_compressed_and_the_configuration_names_its_content() {
    let (_folder, _, _, stored) = assembled(0, 0o755);
    let compressed = fs::read(stored.path(&stored.layers[0])).unwrap();
    let content = zstd::decode_all(compressed.as_slice()).unwrap();
    assert!(compressed.len() * 3 < content.len() * 2, "{} of {}", compressed.len(), content.len());
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(stored.path(&stored.config)).unwrap()).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"], json!([Digest::of(&content)]));
}

#[test]
fn image_is_found_again_by_its_key() {
    let (_folder, store, key, stored) = assembled(0, 0o755);
    assert_eq!(store.find(ImageName::Operator, &key).unwrap(), Finding::Whole(stored));
}

#[test]
fn damaged_image_differs_from_an_absent_one() {
    let (_folder, store, key, stored) = assembled(0, 0o755);
    let find = |store: &Store, key: &Key| store.find(ImageName::Operator, key).unwrap();
    let layer = stored.layers[0].digest.clone();
    fs::write(stored.path(&stored.layers[0]), b"cut").unwrap();
    let cut = ImageDamage::Size { digest: layer.clone(), size: 3, wanted: stored.layers[0].size };
    assert_eq!(find(&store, &key), Finding::Damaged(cut));
    fs::remove_file(stored.path(&stored.layers[0])).unwrap();
    assert_eq!(find(&store, &key), Finding::Damaged(ImageDamage::Absent(layer)));
    fs::write(store.record_path(&key), b"{\"manif").unwrap();
    assert_eq!(find(&store, &key), Finding::Damaged(ImageDamage::Record(store.record_path(&key))));
    store.forget(&key);
    assert_eq!(find(&store, &key), Finding::Absent);
}

#[test]
fn record_that_cannot_be_read_is_an_error() {
    let (_folder, store, key, _) = assembled(0, 0o755);
    store.forget(&key);
    fs::create_dir(store.record_path(&key)).unwrap();
    let error = store.find(ImageName::Operator, &key).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    assert!(error.hint().contains("delete it"));
}

#[test]
fn full_disk_is_an_error_and_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let binary = program_in(folder.path(), 0, 0o755);
    let key = Key::of_programs(ImageName::Agent, &[&binary]).unwrap();
    let error = store
        .assemble(ImageName::Agent, &key, &json!({}), |_| Err(io::ErrorKind::StorageFull.into()))
        .unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "only the program and the folder of blobs: {left:?}");
}

#[test]
fn base_layer_leaves_out_devices_logs_and_lists() {
    let mut rootfs = tar::Builder::new(Vec::new());
    for (path, kind) in [
        ("./", tar::EntryType::Directory),
        ("./dev/null", tar::EntryType::Char),
        ("./var/log/", tar::EntryType::Directory),
        ("./var/log/dpkg.log", tar::EntryType::Regular),
        ("./etc/machine-id", tar::EntryType::Regular),
        ("./usr/bin/git", tar::EntryType::Regular),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mode(0o755);
        header.set_mtime(1_700_000_000);
        rootfs.append_data(&mut header, path, io::empty()).unwrap();
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Link);
    link.set_size(0);
    link.set_mode(0o755);
    link.set_uid(0);
    link.set_gid(0);
    rootfs.append_link(&mut link, "./usr/bin/git-hard", "./usr/bin/git").unwrap();
    let rootfs = rootfs.into_inner().unwrap();
    let mut layer = Vec::new();
    layer::base(rootfs.as_slice(), &mut layer).unwrap();
    let entries: Vec<(String, u64)> = tar::Archive::new(layer.as_slice())
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.path().unwrap().display().to_string(), entry.header().mtime().unwrap())
        })
        .collect();
    assert_eq!(
        entries,
        [("var/log/".to_owned(), 0), ("usr/bin/git".to_owned(), 0), ("usr/bin/git-hard".to_owned(), 0)]
    );
}

#[test]
fn blob_damaged_at_the_same_size_is_noticed_when_it_is_used() {
    let (_folder, _, _, stored) = assembled(0, 0o755);
    let path = stored.path(&stored.layers[0]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[600] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = write_archive(&[stored], &HashSet::new(), Vec::new()).unwrap_err();
    assert!(matches!(error, ArchiveError::Damaged { .. }), "{error}");
}

/// The paths in an archive of images.
fn paths(archive: &[u8]) -> Vec<String> {
    tar::Archive::new(archive)
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[test]
fn blobs_that_a_node_has_stay_out_of_the_archive() {
    let (_folder, _, _, stored) = assembled(0, 0o755);
    let skip = HashSet::from([stored.layers[0].digest.clone()]);
    let (mut whole, mut rest, mut again) = (Vec::new(), Vec::new(), Vec::new());
    write_archive(slice::from_ref(&stored), &HashSet::new(), &mut whole).unwrap();
    write_archive(slice::from_ref(&stored), &skip, &mut rest).unwrap();
    write_archive(slice::from_ref(&stored), &skip, &mut again).unwrap();
    assert!(rest == again);
    let place = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let [manifest, config] = [&stored.manifest.digest, &stored.config.digest].map(place);
    let layer = place(&stored.layers[0].digest);
    assert_eq!(paths(&whole), ["oci-layout", "index.json", &manifest, &config, &layer]);
    assert_eq!(paths(&rest), ["oci-layout", "index.json", &manifest, &config]);
}

/// The text of a file in an archive.
fn file(archive: &[u8], path: &str) -> serde_json::Value {
    let mut archive = tar::Archive::new(archive);
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let entry = entries.find(|entry| entry.path().unwrap().as_os_str() == path).unwrap();
    serde_json::from_reader(entry).unwrap()
}

#[test]
fn tagged_archive_has_the_same_name_for_docker_and_containerd() {
    let (_folder, _, _, stored) = assembled(0, 0o755);
    let mut archive = Vec::new();
    write_tagged_archive(slice::from_ref(&stored), &mut archive).unwrap();
    let name = format!("devplat.local/devplat-operator:sha256-{}", stored.manifest.digest.hex());
    assert_eq!(stored.tagged_reference().as_str(), name);
    let docker = file(&archive, "manifest.json");
    assert_eq!(docker[0]["RepoTags"], json!([name]));
    let index = file(&archive, "index.json");
    assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], json!(name));
    let place = |blob: &Blob| format!("blobs/sha256/{}", blob.digest.hex());
    assert_eq!(docker[0]["Config"], json!(place(&stored.config)));
    assert_eq!(docker[0]["Layers"], json!([place(&stored.layers[0])]));
    let blobs = stored.blobs().map(place).collect::<Vec<_>>();
    let files = ["oci-layout", "index.json", "manifest.json"].map(str::to_owned);
    assert_eq!(paths(&archive), [files.to_vec(), blobs].concat());
}

#[test]
fn full_disk_and_absent_blob_are_different_errors() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_folder, _, _, stored) = assembled(0, 0o755);
    let error = write_archive(slice::from_ref(&stored), &HashSet::new(), Full).unwrap_err();
    assert!(
        matches!(&error, ArchiveError::Write(why) if why.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    fs::remove_file(stored.path(&stored.layers[0])).unwrap();
    let error = write_archive(&[stored], &HashSet::new(), Vec::new()).unwrap_err();
    assert!(matches!(error, ArchiveError::Blob { .. }), "{error}");
}
