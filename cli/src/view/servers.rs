//! A list of dev servers.

use kube::api::DynamicObject;
use serde_json::Value;

use super::{
    Look, Show, age, list,
    table::{Cell, Room, Table, Tone},
};
use crate::object::{self, Server, State};

/// Dev servers, by name.
#[derive(Debug)]
pub(crate) struct Servers {
    objects: Vec<DynamicObject>,
    rows: Vec<Server>,
    create: String,
}

impl Servers {
    /// Returns them in the order of their names, with the command line that creates one.
    pub(crate) fn new(mut objects: Vec<DynamicObject>, create: String) -> Self {
        objects.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let rows = objects.iter().map(Server::of).collect();
        Self { objects, rows, create }
    }
}

impl Show for Servers {
    fn table(&self, wide: bool, look: &Look) -> String {
        if self.rows.is_empty() {
            return format!("no dev servers; {} creates one", self.create);
        }
        let mut columns = vec![
            ("NAME", Room::Whole),
            ("FLAVOR", Room::Gives(2)),
            ("READY", Room::Whole),
            ("REASON", Room::Gives(1)),
            ("AGE", Room::Whole),
        ];
        if wide {
            columns.extend([("IMAGE", Room::Gives(5)), ("POD", Room::Gives(4)), ("MESSAGE", Room::Gives(3))]);
        }
        let mut table = Table::new(&columns);
        for server in &self.rows {
            let tone = tone(server.state());
            let mut cells = vec![
                Cell::from(&server.name),
                Cell::maybe(server.flavor.as_deref()),
                Cell::toned(if server.state() == State::Ready { "yes" } else { "no" }, tone),
                Cell::toned(server.reason(), tone),
                age::since(server.created, look.now).into(),
            ];
            if wide {
                cells.push(Cell::maybe(server.image.as_deref()));
                cells.push(Cell::maybe(server.pods.last().map(String::as_str)));
                cells.push(server.message().into());
            }
            table.row(cells);
        }
        table.text(look)
    }

    fn value(&self) -> Value {
        list(&self.objects.iter().map(object::printed).collect::<Vec<_>>())
    }

    fn names(&self) -> Vec<String> {
        self.rows.iter().map(|server| server.name.clone()).collect()
    }
}

/// What a state means.
pub(super) fn tone(state: State) -> Tone {
    match state {
        State::Ready => Tone::Good,
        State::Coming | State::Going => Tone::Wait,
        State::Failed => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        object::tests::server::{object, ready, waiting},
        view::{Format, text},
    };

    fn some() -> Servers {
        let message = "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate";
        let objects = vec![
            object("mydev", json!({}), ready()),
            object("big", json!({}), waiting("Pending", "Unschedulable", message)),
            object(
                "lost",
                json!({"flavor": "nosuch"}),
                waiting("Failed", "FlavorNotFound", "no flavor \"nosuch\""),
            ),
            object("new", json!({}), Value::Null),
        ];
        Servers::new(objects, String::new())
    }

    fn look(width: Option<usize>, colours: bool) -> Look {
        Look { width, colours, now: "2026-11-24T10:05:00Z".parse().unwrap() }
    }

    #[test]
    fn table_says_which_are_ready_and_why_others_are_not() {
        insta::assert_snapshot!(text(&some(), Format::Table, &look(Some(80), false)), @r"
        NAME   FLAVOR     READY  REASON          AGE
        big    cpu-small  no     Unschedulable   5m
        lost   cpu-small  no     FlavorNotFound  5m
        mydev  cpu-small  yes    PodReady        5m
        new    -          no     Pending         5m
        ");
    }

    #[test]
    fn narrow_terminal_gets_what_matters() {
        insta::assert_snapshot!(text(&some(), Format::Table, &look(Some(36), false)), @r"
        NAME   READY  REASON          AGE
        big    no     Unschedulable   5m
        lost   no     FlavorNotFound  5m
        mydev  yes    PodReady        5m
        new    no     Pending         5m
        ");
    }

    #[test]
    fn wide_table_has_images_pods_and_messages() {
        insta::assert_snapshot!(text(&some(), Format::Wide, &look(Some(120), false)), @r#"
        NAME   FLAVOR     READY  REASON          AGE  IMAGE                     POD                     MESSAGE
        big    cpu-small  no     Unschedulable   5m   -                         -                       0/1 nodes are available…
        lost   cpu-small  no     FlavorNotFound  5m   -                         -                       no flavor "nosuch"
        mydev  cpu-small  yes    PodReady        5m   devplat.local/base@sha2…  mydev-6d4cf56db6-x2x7k  -
        new    -          no     Pending         5m   -                         -                       the operator has not lo…
        "#);
        let unbounded = text(&some(), Format::Wide, &look(None, false));
        assert!(unbounded.contains("no new claims to deallocate"), "{unbounded}");
    }

    #[test]
    fn colours_come_only_where_they_are_wanted() {
        assert!(text(&some(), Format::Table, &look(Some(80), true)).contains("\u{1b}[32myes"));
        assert!(!text(&some(), Format::Table, &look(Some(80), false)).contains('\u{1b}'));
    }

    #[test]
    fn names_are_one_a_line() {
        assert_eq!(text(&some(), Format::Name, &look(None, false)), "big\nlost\nmydev\nnew");
    }

    #[test]
    fn json_has_the_objects_as_they_are_without_managed_fields() {
        let value: Value = serde_json::from_str(&text(&some(), Format::Json, &look(None, false))).unwrap();
        assert_eq!(value["items"][2]["metadata"]["name"], "mydev");
        assert_eq!(value["items"][2]["metadata"]["managedFields"], Value::Null);
        assert_eq!(value["items"][2]["status"]["podNames"][0], "mydev-6d4cf56db6-x2x7k");
        let yaml = text(&some(), Format::Yaml, &look(None, false));
        assert!(yaml.starts_with("apiVersion: v1\n"), "{yaml}");
    }

    #[test]
    fn empty_list_says_how_to_begin() {
        let none = Servers::new(Vec::new(), "`devctl create NAME`".to_owned());
        assert_eq!(
            text(&none, Format::Table, &look(None, false)),
            "no dev servers; `devctl create NAME` creates one"
        );
        assert_eq!(text(&none, Format::Name, &look(None, false)), "");
    }
}
