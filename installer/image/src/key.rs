//! Keys of images: an image's inputs in a few bytes. The same key gives the same image.

use std::{fs::File, io, path::Path};

use crate::{Digest, ImageName, base::Recipe};

/// The version of the code that makes images. Increase it whenever the same input gives other bytes than before.
const ASSEMBLER: u32 = 3;

/// The name of an image by its inputs, which is cheap to compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of an image around the programs at `binaries`.
    pub fn of_programs(name: ImageName, binaries: &[&Path]) -> io::Result<Self> {
        let mut all = String::new();
        for binary in binaries {
            all.push_str(Digest::of_reader(File::open(binary)?)?.hex());
        }
        Ok(Self::from_parts(name, Digest::of(all.as_bytes()).hex()))
    }

    /// The key of a base image made by `recipe`. Debian's own updates do not change it: a base image is made
    /// again when devplat's recipe changes, or when its record is deleted.
    pub fn of_base(recipe: &Recipe) -> Self {
        Self::from_parts(ImageName::Base, Digest::of(recipe.describe().as_bytes()).hex())
    }

    fn from_parts(name: ImageName, input: &str) -> Self {
        Self(format!("{name}-{ASSEMBLER}-{}", &input[..32]))
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}.json", self.0)
    }
}
