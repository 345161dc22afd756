//! A list of flavors.

use kube::api::DynamicObject;
use serde_json::Value;

use super::{
    Look, Show, age, list,
    table::{Cell, Room, Table, Tone},
};
use crate::object::{self, Flavor};

/// Flavors, by name.
#[derive(Debug)]
pub(crate) struct Flavors {
    objects: Vec<DynamicObject>,
    flavors: Vec<Flavor>,
}

impl Flavors {
    /// Those, in the order of their names.
    pub(crate) fn new(mut objects: Vec<DynamicObject>) -> Self {
        objects.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let flavors = objects.iter().map(Flavor::of).collect();
        Self { objects, flavors }
    }
}

impl Show for Flavors {
    fn table(&self, wide: bool, look: &Look) -> String {
        if self.flavors.is_empty() {
            return "no flavors; an administrator has to make one".to_owned();
        }
        let mut columns = vec![
            ("NAME", Room::Whole),
            ("CPU", Room::Whole),
            ("MEMORY", Room::Whole),
            ("GPUS", Room::Whole),
            ("DEFAULT", Room::Whole),
            ("NOTE", Room::Gives(1)),
        ];
        if wide {
            columns.extend([("GUARANTEED", Room::Gives(2)), ("AGE", Room::Whole)]);
        }
        let mut table = Table::new(&columns);
        for flavor in &self.flavors {
            let note = flavor.refusal.as_deref().unwrap_or_default();
            let mut cells = vec![
                Cell::from(&flavor.name),
                Cell::maybe(flavor.most("cpu")),
                Cell::maybe(flavor.most("memory")),
                Cell::maybe(flavor.gpus.map(|count| count.to_string()).as_deref()),
                if flavor.default { Cell::toned("yes", Tone::Good) } else { Cell::maybe(None) },
                Cell::toned(note, if note.is_empty() { Tone::Plain } else { Tone::Bad }),
            ];
            if wide {
                let amounts = flavor.requests.iter().map(|(resource, amount)| format!("{resource} {amount}"));
                cells.push(amounts.collect::<Vec<_>>().join(", ").into());
                cells.push(age::since(flavor.created, look.now).into());
            }
            table.row(cells);
        }
        table.text(look)
    }

    fn value(&self) -> Value {
        list(&self.objects.iter().map(object::printed).collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        self.flavors.iter().map(|flavor| flavor.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        object::tests::flavor::object,
        view::{Format, text},
    };

    #[test]
    fn flavors_are_shown_with_what_they_give() {
        let small =
            json!({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}});
        let large = json!({"limits": {"cpu": "16", "memory": "64Gi"}});
        let flavors = Flavors::new(vec![object("cpu-small", true, small), object("cpu-large", false, large)]);
        let look = Look { width: Some(100), colours: false, now: "2026-11-24T10:00:00Z".parse().unwrap() };
        insta::assert_snapshot!(text(&flavors, Format::Table, &look), @r"
        NAME       CPU  MEMORY  GPUS  DEFAULT  NOTE
        cpu-large  16   64Gi    -     -        -
        cpu-small  2    4Gi     -     yes      -
        ");
        insta::assert_snapshot!(text(&flavors, Format::Wide, &look), @r"
        NAME       CPU  MEMORY  GPUS  DEFAULT  NOTE  GUARANTEED            AGE
        cpu-large  16   64Gi    -     -        -     -                     4d
        cpu-small  2    4Gi     -     yes      -     cpu 500m, memory 1Gi  4d
        ");
        assert_eq!(text(&flavors, Format::Name, &look), "cpu-large\ncpu-small");
    }
}
