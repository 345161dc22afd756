//! The platforms that this account remembers.

use std::{fs, io, time::SystemTime};

use devplat_profile::PlatformName;

use super::{Decisions, StateError, StateFolder};

/// A platform with decisions in its state folder.
#[derive(Debug)]
pub struct KnownFolder {
    pub platform: PlatformName,
    /// The decisions, or the reason why they cannot be read.
    pub decisions: Result<Decisions, StateError>,
    /// When a run last took a step of an `up` or a `destroy`; `None` if none did.
    pub changed: Option<SystemTime>,
}

impl StateFolder {
    /// Returns all platforms of this account that have decisions.
    pub fn known(&self) -> Result<Vec<KnownFolder>, StateError> {
        let failed = |source| self.file_error("read", self.base(), source);
        let entries = match fs::read_dir(self.base()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut known = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let Some(platform) = name.to_str().and_then(|name| name.parse::<PlatformName>().ok()) else {
                continue;
            };
            let folder = Self::below(self.base(), &platform);
            let decisions = folder.decisions();
            if decisions.as_ref().is_ok_and(|decisions| *decisions == Decisions::default()) {
                continue;
            }
            let changed = fs::metadata(folder.journal()).and_then(|file| file.modified()).ok();
            known.push(KnownFolder { platform, decisions, changed });
        }
        Ok(known)
    }

    /// Returns those of [`StateFolder::known`] that are not of this folder's platform.
    pub fn others(&self) -> Result<Vec<KnownFolder>, StateError> {
        let mut known = self.known()?;
        known.retain(|known| known.platform != self.platform);
        Ok(known)
    }
}
