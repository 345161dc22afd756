//! The size of an image that devplat assembled, from the record in its store.

use std::{fs, path::Path};

use anyhow::{Result, bail, ensure};

const MIB: f64 = 1024.0 * 1024.0;

/// Returns the sum of the blobs of `image` in `cache`, in MiB.
#[expect(clippy::cast_precision_loss, reason = "an image has less than 2^52 bytes")]
pub(crate) fn size(cache: &Path, image: &str) -> Result<f64> {
    for entry in fs::read_dir(cache.join("images"))? {
        let path = entry?.path();
        if !path.file_name().unwrap_or_default().to_string_lossy().starts_with(image) {
            continue;
        }
        let record: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
        let layers = record["layers"].as_array().cloned().unwrap_or_default();
        let blobs = layers.iter().chain([&record["manifest"], &record["config"]]);
        let bytes: u64 = blobs.filter_map(|blob| blob["size"].as_u64()).sum();
        ensure!(bytes > 0, "image {image} is empty");
        return Ok(bytes as f64 / MIB);
    }
    bail!("no image {image} in {}", cache.display())
}
