//! Whether a server can be had as asked for: its spec, its flavor, its image.

use std::sync::Arc;

use devplat_api::{
    DevServerSpec,
    condition::Reason,
    flavor::DevServerFlavorSpec,
    name::ServerName,
    server::{Lifecycle, Mode},
};

use crate::{
    config::Defaults,
    flavor::unsupported_in_flavor,
    observed::{FlavorFacts, ServerFacts},
};

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In a word.
    pub(crate) reason: Reason,
    /// In a sentence, with what to do.
    pub(crate) message: String,
}

impl Refusal {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// The name, if the spec asks for nothing impossible.
pub(crate) fn accept(server: &ServerFacts) -> Result<ServerName, Refusal> {
    let name =
        ServerName::parse(&server.key.name).map_err(|e| Refusal::new(Reason::InvalidName, e.to_string()))?;
    if let Some(field) = unsupported(&server.spec) {
        return Err(Refusal::new(
            Reason::NotSupportedYet,
            format!("{field} is not supported yet; remove it from the spec"),
        ));
    }
    if let Some(size) = &server.spec.persistent_home_size {
        size.value()
            .map_err(|e| Refusal::new(Reason::InvalidSpec, format!("spec.persistentHomeSize: {e}")))?;
    }
    Ok(name)
}

/// The first field whose feature is yet to come.
fn unsupported(spec: &DevServerSpec) -> Option<&'static str> {
    let DevServerSpec {
        owner: _,
        flavor: _,
        image: _,
        command: _,
        mode,
        distributed,
        persistent_home_size: _,
        home_retention: _,
        shared_volume_claim_name: _,
        enable_ssh: _,
        lifecycle,
    } = spec;
    match mode {
        Mode::Distributed => return Some("spec.mode: distributed"),
        Mode::Standalone => {}
    }
    if distributed.is_some() {
        return Some("spec.distributed");
    }
    let Lifecycle { idle_timeout, auto_shutdown, time_to_live, expiration_time } = lifecycle.as_ref()?;
    let fields = [
        (idle_timeout.is_some(), "spec.lifecycle.idleTimeout"),
        (*auto_shutdown == Some(true), "spec.lifecycle.autoShutdown"),
        (time_to_live.is_some(), "spec.lifecycle.timeToLive"),
        (expiration_time.is_some(), "spec.lifecycle.expirationTime"),
    ];
    fields.into_iter().find(|(set, _)| *set).map(|(_, field)| field)
}

/// What a server runs with, once flavor and image are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    /// Name of the flavor.
    pub(crate) flavor: String,
    /// What the flavor gives.
    pub(crate) offer: DevServerFlavorSpec,
    /// Image reference.
    pub(crate) image: String,
}

/// Finds flavor and image: what the spec names, else what was found before, else the defaults.
pub(crate) fn resolve(
    server: &ServerFacts,
    flavors: &[Arc<FlavorFacts>],
    defaults: &Defaults,
) -> Result<Resolved, Refusal> {
    let remembered = server.status.as_ref();
    let flavor = match server.flavor() {
        Some(name) => named(name, flavors)?,
        None => default(flavors)?,
    };
    let has_it_already = remembered.and_then(|status| status.flavor.as_deref()) == Some(&flavor.name);
    if flavor.deleting && !has_it_already {
        let message = format!("flavor {:?} is being deleted; {}", flavor.name, offered(flavors));
        return Err(Refusal::new(Reason::FlavorDeleting, message));
    }
    if let Some(field) = unsupported_in_flavor(&flavor.spec) {
        let message = format!(
            "flavor {:?} is not accepted: {field} is not supported yet; {}",
            flavor.name,
            offered(flavors)
        );
        return Err(Refusal::new(Reason::FlavorNotAccepted, message));
    }
    let image = server.spec.image.clone();
    let image = image.or_else(|| remembered.and_then(|status| status.image.clone()));
    Ok(Resolved {
        flavor: flavor.name.clone(),
        offer: flavor.spec.clone(),
        image: image.unwrap_or_else(|| defaults.image.clone()),
    })
}

fn named<'a>(name: &str, flavors: &'a [Arc<FlavorFacts>]) -> Result<&'a FlavorFacts, Refusal> {
    if let Some(found) = flavors.iter().find(|flavor| flavor.name == name) {
        return Ok(found);
    }
    let similarity = |flavor: &&Arc<FlavorFacts>| strsim::jaro_winkler(name, &flavor.name);
    let nearest = flavors
        .iter()
        .filter(|flavor| similarity(flavor) > 0.8)
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let guess = nearest.map(|flavor| format!("did you mean {:?}? ", flavor.name)).unwrap_or_default();
    let message = format!("there is no flavor {name:?}; {guess}{}", offered(flavors));
    Err(Refusal::new(Reason::FlavorNotFound, message))
}

fn default(flavors: &[Arc<FlavorFacts>]) -> Result<&FlavorFacts, Refusal> {
    let mut defaults: Vec<_> = flavors.iter().filter(|flavor| flavor.default && !flavor.deleting).collect();
    defaults.sort_by(|a, b| a.name.cmp(&b.name));
    match defaults.as_slice() {
        [only] => Ok(only),
        [] => {
            let message =
                format!("spec.flavor is not set and no flavor is the default; set it; {}", offered(flavors));
            Err(Refusal::new(Reason::NoDefaultFlavor, message))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|flavor| flavor.name.as_str()).collect();
            let message = format!(
                "spec.flavor is not set and several flavors are the default: {}; set it",
                names.join(", ")
            );
            Err(Refusal::new(Reason::SeveralDefaultFlavors, message))
        }
    }
}

/// The flavors to choose from, in a sentence.
fn offered(flavors: &[Arc<FlavorFacts>]) -> String {
    let mut names: Vec<&str> = flavors.iter().filter(|f| !f.deleting).map(|f| f.name.as_str()).collect();
    names.sort_unstable();
    match names.as_slice() {
        [] => "there are no flavors yet".into(),
        names => format!("flavors: {}", names.join(", ")),
    }
}
