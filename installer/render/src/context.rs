//! What templates can name.

use std::collections::BTreeMap;

use devplat_profile::{DevServers, Flavor, OperatorSize, PlatformName, Profile};
use serde::Serialize;
use serde_json::{Value, json};

/// The images that manifests name, each as a whole reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// The operator's.
    pub operator: String,
    /// The agent's.
    pub agent: String,
    /// That of dev servers whose users name none.
    pub dev_server: String,
}

/// Everything that manifests are made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Whose platform.
    pub platform: &'a PlatformName,
    /// What it shall be.
    pub profile: &'a Profile,
    /// The images.
    pub images: &'a Images,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context<'a> {
    platform: &'a str,
    images: &'a Images,
    operator: &'a OperatorSize,
    dev_servers: Value,
    flavors: BTreeMap<&'a str, FlavorContext<'a>>,
}

#[derive(Serialize)]
struct FlavorContext<'a> {
    default: bool,
    spec: &'a Flavor,
}

impl<'a> Context<'a> {
    pub(crate) fn new(input: Input<'a>) -> Self {
        let Input { platform, profile, images } = input;
        let Profile { cluster: _, delivery: _, operator, dev_servers, flavors } = profile;
        let DevServers { image: _, default_flavor, home_size, storage_class } = dev_servers;
        let flavors = flavors
            .iter()
            .map(|(name, spec)| (name.as_str(), FlavorContext { default: name == default_flavor, spec }))
            .collect();
        Self {
            platform: platform.as_str(),
            images,
            operator,
            dev_servers: json!({
                "defaultFlavor": default_flavor,
                "homeSize": home_size,
                "storageClass": storage_class,
            }),
            flavors,
        }
    }
}
