//! The releases of `devplat up`, rendered from the shipped templates and a shipped profile.

use std::collections::BTreeMap;

use devplat_kubernetes::{
    Steady,
    release::{self, Release},
};
use devplat_render::{ImageReferences, ReleaseName, TemplateInput, Templates};
use kube::{Client, api::DynamicObject};

/// The platform of the clusters that start with one.
const PLATFORM: &str = "test";

/// Renders the releases of the profile `kind`.
pub(crate) fn rendered(platform: &str) -> Vec<Release> {
    rendered_with(platform, &[])
}

/// Renders the releases of the profile `kind` with values of `--set`.
pub(crate) fn rendered_with(platform: &str, sets: &[&str]) -> Vec<Release> {
    let sources = devplat_profile::Sources {
        shipped: Some("kind".to_owned()),
        sets: sets.iter().map(|&set| set.to_owned()).collect(),
        ..Default::default()
    };
    let profile = devplat_profile::load(&sources).unwrap().profile;
    let name = platform.parse().unwrap();
    let image = |name: &str| format!("devplat.local/{name}");
    let images = ImageReferences {
        operator: image("operator"),
        bastion: image("bastion"),
        agent: image("agent"),
        dev_server: image("base"),
    };
    let made_keys = BTreeMap::new();
    let input = TemplateInput { platform: &name, profile: &profile, images: &images, made_keys: &made_keys };
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    ReleaseName::ALL.map(|name| of(platform, name.as_str(), templates.release(name, input).unwrap())).to_vec()
}

/// Returns a release of `objects`.
pub(crate) fn of(platform: &str, name: &str, objects: Vec<DynamicObject>) -> Release {
    let digest = devplat_render::digest(&objects);
    Release { platform: platform.to_owned(), name: name.to_owned(), account: None, objects, digest }
}

/// Applies all releases. The operator's Deployment is among them, but kwok's pods do not run it.
pub(crate) async fn install(client: &Client) {
    for release in rendered(PLATFORM) {
        release::apply(client, &release, &Steady).await.unwrap();
    }
}
