//! Amounts of memory, CPU and storage as Kubernetes writes them (`500m`, `2Gi`).

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// What the API server accepts; without a sign, since nothing here may be negative.
const PATTERN: &str = r"^[0-9]+(\.[0-9]+)?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";
/// The longest amount that the CRDs accept.
const MAX: usize = 32;

/// A quantity as its author wrote it.
///
/// Whoever reads it from a cluster has the CRD's word that it is one; [`Amount::value`] checks again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Amount(String);

/// A text that is no quantity.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no quantity; write a number and a unit, such as 500m, 2 or 10Gi")]
pub struct InvalidAmount(String);

impl Amount {
    /// Takes `text` if it is a quantity of at most 32 characters.
    pub fn parse(text: &str) -> Result<Self, InvalidAmount> {
        let amount = Self(text.to_owned());
        match amount.value() {
            Ok(value) if value.is_finite() && text.len() <= MAX => Ok(amount),
            Ok(_) | Err(_) => Err(InvalidAmount(amount.0)),
        }
    }

    /// In base units (cores, bytes). Exact up to 2^53, far above any volume.
    pub fn value(&self) -> Result<f64, InvalidAmount> {
        let wrong = || InvalidAmount(self.0.clone());
        let text = self.0.as_str();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let starts_with_digit = number.starts_with(|c: char| c.is_ascii_digit());
        if !starts_with_digit || number.ends_with('.') {
            return Err(wrong());
        }
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let factor = match suffix {
            "" => 1.0,
            "n" => 1e-9,
            "u" => 1e-6,
            "m" => 1e-3,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "P" => 1e15,
            "E" => 1e18,
            "Ki" => 1024f64,
            "Mi" => 1024f64.powi(2),
            "Gi" => 1024f64.powi(3),
            "Ti" => 1024f64.powi(4),
            "Pi" => 1024f64.powi(5),
            "Ei" => 1024f64.powi(6),
            exponent => {
                let digits = exponent.strip_prefix(['e', 'E']).ok_or_else(wrong)?;
                10f64.powi(digits.parse().map_err(|_| wrong())?)
            }
        };
        Ok(number * factor)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lenient on purpose: one bad object must not keep a whole list from being read.
impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Whole(u64),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(text) => Self(text),
            Written::Whole(number) => Self(number.to_string()),
        })
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "pattern": PATTERN,
            "maxLength": MAX,
            "description": "A quantity: a number and a unit, such as 500m, 2 or 10Gi",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_the_value_kubernetes_gives_them() {
        for (text, value) in [
            ("500m", 0.5),
            ("2", 2.0),
            ("1.5", 1.5),
            ("10Gi", 10_737_418_240.0),
            ("5G", 5e9),
            ("1e3", 1000.0),
            ("2E-1", 0.2),
            ("1E", 1e18),
        ] {
            assert!((Amount::parse(text).unwrap().value().unwrap() - value).abs() < 1e-6, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in
            ["", "Gi", "10 Gi", "10GB", "-1", "1.", ".5", "1,5", "1e", "1.2.3", "1e400", &"1".repeat(33)]
        {
            assert_eq!(Amount::parse(text), Err(InvalidAmount(text.into())));
        }
    }

    #[test]
    fn whole_numbers_in_yaml_are_read_as_quantities() {
        assert_eq!(serde_json::from_str::<Amount>("2").unwrap(), Amount("2".into()));
    }
}
