//! Requests, limits and the size of homes: a unit that was forgotten or an unknown resource would otherwise show only
//! in pods that never start.

use std::collections::BTreeMap;

use devplat_api::{Amount, flavor::FlavorResources};

use super::{Check, shown};
use crate::{label, path::KeyPath};

const MIB: f64 = 1_048_576.0;
const TIB: f64 = MIB * MIB;

/// The amounts that a resource can have.
struct Bounds {
    least: f64,
    most: f64,
    /// Both bounds, for messages.
    text: &'static str,
    /// The amount that every amount is a multiple of. Kubernetes does not overcommit such a resource.
    unit: Option<Unit>,
}

struct Unit {
    amount: f64,
    /// A description of a multiple, for messages.
    text: String,
}

/// The size of a home.
const HOME: Bounds = Bounds { least: MIB, most: 1024.0 * TIB, text: "1Mi to 1Pi", unit: None };

impl Bounds {
    /// Returns the bounds of a resource of containers; `None` if there is no such resource.
    fn of(resource: &str) -> Option<Self> {
        match resource {
            "cpu" => Some(Self { least: 0.001, most: 4096.0, text: "1m to 4096", unit: None }),
            "memory" => Some(Self { least: 4.0 * MIB, most: 64.0 * TIB, text: "4Mi to 64Ti", unit: None }),
            "ephemeral-storage" => Some(HOME),
            _ => match resource.strip_prefix("hugepages-") {
                Some(size) => {
                    let amount = Amount::parse(size).and_then(|size| size.value()).ok();
                    let amount = amount.filter(|amount| *amount > 0.0)?;
                    let unit = Some(Unit { amount, text: format!("a multiple of {size}") });
                    Some(Self { least: 0.0, most: 64.0 * TIB, text: "0 to 64Ti", unit })
                }
                None if resource.contains('/') && label::is_qualified_name(resource) => {
                    let unit = Some(Unit { amount: 1.0, text: "an integer".to_owned() });
                    Some(Self { least: 0.0, most: 10_000.0, text: "0 to 10000", unit })
                }
                None => None,
            },
        }
    }

    /// Returns why an amount is not one of these.
    fn fault(&self, amount: &Amount) -> Option<String> {
        // The check of the layer has found amounts without a value.
        let value = amount.value().ok()?;
        if !(self.least..=self.most).contains(&value) {
            return Some(format!("{amount} is outside {}", self.text));
        }
        let unit = self.unit.as_ref().filter(|unit| (value / unit.amount).fract() > 0.0)?;
        Some(format!("{amount} is not {}", unit.text))
    }

    /// Returns why an amount cannot be requested. A request of 0 is always possible.
    fn request_fault(&self, amount: &Amount) -> Option<String> {
        let nothing = amount.value().is_ok_and(|value| value <= 0.0);
        if nothing { None } else { self.fault(amount) }
    }
}

impl Check<'_> {
    pub(super) fn resources(&mut self, path: &KeyPath, resources: &FlavorResources) {
        let FlavorResources { requests, limits } = resources;
        self.amounts(&path.key("requests"), requests, Bounds::request_fault);
        // A limit of 0 would mean that there is none.
        self.amounts(&path.key("limits"), limits, Bounds::fault);
        for (name, request) in requests {
            let Some(bounds) = Bounds::of(name).filter(|bounds| bounds.request_fault(request).is_none())
            else {
                continue;
            };
            let paths = ["requests", "limits"].map(|kind| path.key(kind).key(name));
            match limits.get(name) {
                None if bounds.unit.is_some() => {
                    self.wrong(&paths, format!("request of {name} needs an equal limit"));
                }
                Some(limit) if bounds.fault(limit).is_none() => {
                    let fixed = bounds.unit.is_some();
                    self.request_and_limit(&paths, name, request, limit, fixed);
                }
                None | Some(_) => {}
            }
        }
    }

    fn request_and_limit(
        &mut self,
        paths: &[KeyPath],
        name: &str,
        request: &Amount,
        limit: &Amount,
        fixed: bool,
    ) {
        let (Ok(least), Ok(most)) = (request.value(), limit.value()) else { return };
        if least > most {
            self.wrong(paths, format!("request of {name} ({request}) is above its limit ({limit})"));
        } else if fixed && least < most {
            self.wrong(paths, format!("request of {name} ({request}) is not equal to its limit ({limit})"));
        }
    }

    fn amounts(
        &mut self,
        path: &KeyPath,
        amounts: &BTreeMap<String, Amount>,
        fault: impl Fn(&Bounds, &Amount) -> Option<String>,
    ) {
        for (name, amount) in amounts {
            let path = path.key(name);
            match Bounds::of(name).map(|bounds| fault(&bounds, amount)) {
                None => self.wrong_at(
                    &path,
                    format!(
                        "{} is not a resource of containers: use cpu, memory, ephemeral-storage, hugepages-SIZE or a \
                         name such as nvidia.com/gpu",
                        shown(name)
                    ),
                ),
                Some(Some(why)) => self.wrong_at(&path, format!("{path}: {why}")),
                Some(None) => {}
            }
        }
    }

    pub(super) fn home_size(&mut self, path: &KeyPath, size: &Amount) {
        if let Some(why) = HOME.fault(size) {
            self.wrong_at(path, format!("{path}: {why}"));
        }
    }
}
