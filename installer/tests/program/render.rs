//! `devplat render --to`: files that are replaced as a whole, and listed for machines.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use serde_json::Value;

use crate::machine::Machine;

const TO_FILES: [&str; 5] = ["render", "--profile", "kind", "--to", "out"];

#[tokio::test]
async fn written_manifests_are_listed_for_machines() {
    let machine = Machine::new();
    for (what, count) in [(&[] as &[&str], 5), (&["example"], 1), (&["crds"], 1)] {
        let args = [&TO_FILES[..], &["--output", "json"], what].concat();
        let printed = machine.devplat(&args).run().await.unwrap().stdout;
        let document: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(document["is"], "written");
        let files = document["files"].as_array().unwrap();
        assert_eq!(files.len(), count, "{printed}");
        for file in files {
            assert!(Path::new(file.as_str().unwrap()).is_file(), "{file}");
        }
    }
    let output = machine.devplat(&TO_FILES).run().await.unwrap();
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr.matches("wrote ").count(), 5, "{}", output.stderr);
}

/// A reader of the old file does not see half of the new one.
#[tokio::test]
async fn written_manifest_replaces_the_old_one_and_keeps_its_mode() {
    let machine = Machine::new();
    let (file, old) = (machine.write("work/out/crds.yaml", "old"), machine.at("work/old"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(&file, &old).unwrap();
    machine.devplat(&TO_FILES).run().await.unwrap();
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("kind: CustomResourceDefinition"), "{text}");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&file), 0o640);
    // A new file has the mode of every new file.
    let new = machine.write("work/new", "");
    assert_eq!(mode(&machine.at("work/out/operator.yaml")), mode(&new));
}
