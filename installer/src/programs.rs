//! devplat's own programs for the cluster, which lie beside devplat itself.

use std::path::{Path, PathBuf};

use devplat_image::{ImageName, Key};

use crate::failure::{Exit, Failure};

/// A program, and what decides its image.
#[derive(Debug, Clone)]
pub struct Program {
    /// Where it lies.
    pub path: PathBuf,
    /// What decides the image around it.
    pub key: Key,
}

/// The programs that go into images.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The operator.
    pub operator: Program,
    /// The agent.
    pub agent: Program,
}

impl Programs {
    /// Finds them beside the running program, where a link to it leads.
    pub fn find() -> Result<Self, Failure> {
        let own = std::env::current_exe().and_then(std::fs::canonicalize).map_err(|error| {
            Failure::of(Exit::Internal, &error).while_doing("cannot tell where devplat itself lies")
        })?;
        let folder = own.parent().unwrap_or(Path::new("/"));
        Ok(Self {
            operator: program(folder, ImageName::Operator)?,
            agent: program(folder, ImageName::Agent)?,
        })
    }
}

fn program(folder: &Path, name: ImageName) -> Result<Program, Failure> {
    let path = folder.join(name.as_str());
    let key = Key::of_program(name, &path).map_err(|error| {
        Failure::of(Exit::Missing, &error)
            .while_doing(format!("cannot read {}, which goes into the cluster", path.display()))
            .hint("keep devplat, devplat-operator and devplat-agent in one folder; `cargo build --release` makes them all")
    })?;
    Ok(Program { path, key })
}
