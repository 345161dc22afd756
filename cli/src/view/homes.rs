//! A list of homes.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::{Value, json};

use super::{
    Look, Show, age,
    table::{Cell, Room, Table, Tone},
};
use crate::object::{self, Home};

/// Homes, by server.
#[derive(Debug)]
pub(crate) struct Homes {
    claims: Vec<PersistentVolumeClaim>,
    homes: Vec<Home>,
}

impl Homes {
    /// Those, in the order of their names; `servers` are the names of the servers there are.
    pub(crate) fn new(mut claims: Vec<PersistentVolumeClaim>, servers: &[String]) -> Self {
        claims.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let homes = claims.iter().map(|claim| Home::of(claim, servers)).collect();
        Self { claims, homes }
    }
}

impl Show for Homes {
    fn table(&self, wide: bool, look: &Look) -> String {
        if self.homes.is_empty() {
            return "no homes; each dev server gets one".to_owned();
        }
        let mut columns = vec![
            ("NAME", Room::Whole),
            ("SIZE", Room::Whole),
            ("USE", Room::Gives(1)),
            ("STATUS", Room::Whole),
            ("AGE", Room::Whole),
        ];
        if wide {
            columns.extend([("ASKED", Room::Whole), ("CLASS", Room::Gives(2))]);
        }
        let mut table = Table::new(&columns);
        for home in &self.homes {
            let tone = match home.phase.as_str() {
                "Bound" => Tone::Good,
                "Lost" => Tone::Bad,
                _ => Tone::Wait,
            };
            let mut cells = vec![
                Cell::from(&home.claim),
                Cell::maybe(home.size.as_deref()),
                home.usage().into(),
                Cell::toned(&home.phase, tone),
                age::since(home.created, look.now).into(),
            ];
            if wide {
                cells.push(Cell::maybe(home.asked.as_deref()));
                cells.push(Cell::maybe(home.class.as_deref()));
            }
            table.row(cells);
        }
        table.text(look)
    }

    fn value(&self) -> Value {
        let item = |(claim, home): (&PersistentVolumeClaim, &Home)| {
            json!({
                "name": home.claim, "server": home.server, "size": home.size, "used": home.used,
                "claim": object::printed(claim),
            })
        };
        Value::Array(self.claims.iter().zip(&self.homes).map(item).collect())
    }

    fn names(&self) -> Vec<String> {
        self.homes.iter().map(|home| home.claim.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        object::tests::home::claim,
        view::{Format, text},
    };

    #[test]
    fn homes_are_used_or_kept() {
        let homes = Homes::new(vec![claim("old", "5Gi"), claim("mydev", "10Gi")], &["mydev".to_owned()]);
        let look = Look { width: Some(100), colours: false, now: "2026-11-24T10:00:00Z".parse().unwrap() };
        insta::assert_snapshot!(text(&homes, Format::Table, &look), @r"
        NAME        SIZE  USE            STATUS  AGE
        mydev-home  10Gi  used by mydev  Bound   4d
        old-home    5Gi   kept           Bound   4d
        ");
        insta::assert_snapshot!(text(&homes, Format::Wide, &look), @r"
        NAME        SIZE  USE            STATUS  AGE  ASKED  CLASS
        mydev-home  10Gi  used by mydev  Bound   4d   10Gi   standard
        old-home    5Gi   kept           Bound   4d   5Gi    standard
        ");
        let value = homes.value();
        assert_eq!((&value[1]["server"], &value[1]["used"]), (&json!("old"), &json!(false)));
        assert_eq!(value[1]["claim"]["metadata"]["name"], "old-home");
    }
}
