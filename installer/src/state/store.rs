//! Errors of the store of images, with the account that the store belongs to.

use devplat_tool::owner::other_owner;

use super::error::StateError;

/// An error of the store of images.
#[derive(Debug)]
pub struct StoreError {
    pub error: devplat_image::Error,
    /// The account that the store belongs to, if that is the reason.
    pub owned: Option<StateError>,
}

impl StoreError {
    /// Looks for the reason of an error on the disk.
    pub fn of(error: devplat_image::Error) -> Self {
        let owned = closed_by_another(&error);
        Self { error, owned }
    }
}

fn closed_by_another(error: &devplat_image::Error) -> Option<StateError> {
    let (path, source) = match error {
        devplat_image::Error::DiskFull { .. } => return None,
        devplat_image::Error::Unreadable { path, source, .. } => (path, source),
        devplat_image::Error::Io { folder, source, .. } => (folder, source),
    };
    if source.kind() != std::io::ErrorKind::PermissionDenied {
        return None;
    }
    let (path, owner) = other_owner(path, path.parent().unwrap_or(path))?;
    Some(StateError::OtherOwner { path, owner })
}
