//! The releases of a run that are rendered already. A run needs each release several times, and every rendering of the
//! CRDs builds their schemas again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use devplat_kubernetes::release::Release;
use devplat_render::{ImageReferences, ReleaseName};

use crate::failure::Failure;

/// The last rendering of each release.
#[derive(Default)]
pub struct RenderCache {
    last: Mutex<BTreeMap<ReleaseName, Rendering>>,
}

/// A rendered release with the input that changes during a run.
struct Rendering {
    images: ImageReferences,
    keys: BTreeMap<String, String>,
    release: Release,
}

impl RenderCache {
    /// Returns release `name` with these images and keys; calls `render` only if the last rendering had others.
    pub(super) fn get(
        &self,
        name: ReleaseName,
        images: &ImageReferences,
        keys: &BTreeMap<String, String>,
        render: impl FnOnce() -> Result<Release, Failure>,
    ) -> Result<Release, Failure> {
        let kept = {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let same = last.get(&name).filter(|last| last.images == *images && last.keys == *keys);
            same.map(|last| last.release.clone())
        };
        if let Some(release) = kept {
            return Ok(release);
        }
        let release = render()?;
        let rendering = Rendering { images: images.clone(), keys: keys.clone(), release: release.clone() };
        self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(name, rendering);
        Ok(release)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::failure::Exit;

    fn images(agent: &str) -> ImageReferences {
        let name = |name: &str| format!("devplat.local/{name}");
        ImageReferences {
            operator: name("operator"),
            bastion: name("bastion"),
            agent: name(agent),
            dev_server: name("base"),
        }
    }

    #[test]
    fn release_is_rendered_again_only_for_other_images_or_keys() {
        let (cache, count) = (RenderCache::default(), Cell::new(0));
        let render = || -> Result<Release, Failure> {
            count.set(count.get() + 1);
            let (platform, name) = ("devplat".to_owned(), "operator".to_owned());
            Ok(Release {
                platform,
                name,
                account: None,
                objects: Vec::new(),
                digest: count.get().to_string(),
            })
        };
        let digest = |name, images: &ImageReferences, keys: &BTreeMap<String, String>| {
            cache.get(name, images, keys, render).unwrap().digest
        };
        let (none, demo) =
            (BTreeMap::new(), BTreeMap::from([("demo".to_owned(), "ssh-ed25519 A".to_owned())]));
        assert_eq!(digest(ReleaseName::Operator, &images("agent"), &none), "1");
        assert_eq!(digest(ReleaseName::Operator, &images("agent"), &none), "1");
        assert_eq!(digest(ReleaseName::Crds, &images("agent"), &none), "2");
        assert_eq!(digest(ReleaseName::Operator, &images("agent"), &demo), "3");
        assert_eq!(digest(ReleaseName::Operator, &images("other"), &demo), "4");
        assert_eq!(digest(ReleaseName::Operator, &images("other"), &demo), "4");
        assert_eq!(digest(ReleaseName::Crds, &images("agent"), &none), "2");
    }

    #[test]
    fn failed_rendering_is_tried_again() {
        let (cache, keys) = (RenderCache::default(), BTreeMap::new());
        let fail = || -> Result<Release, Failure> {
            Err(Failure::new(Exit::Usage, "line 3 of the template is wrong"))
        };
        for _ in 0..2 {
            assert!(cache.get(ReleaseName::Flavors, &images("agent"), &keys, fail).is_err());
        }
    }
}
