//! All about one dev server; why it cannot be used comes first.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{
    Look, Show, age,
    servers::tone,
    table::{Cell, Room, Table, Tone, fields, plain, toned, wrapped},
};
use crate::object::{self, Event, Server, State};

/// A dev server and what happened to it.
#[derive(Debug)]
pub(crate) struct Described {
    object: DynamicObject,
    server: Server,
    events: Vec<Event>,
    shell: String,
    /// The size of its home, if there is one.
    home: Option<String>,
}

impl Described {
    /// Returns it with `events` in their order, and with the command line that opens a shell.
    pub(crate) fn new(object: DynamicObject, events: Vec<Event>, shell: String) -> Self {
        Self { server: Server::of(&object), object, events, shell, home: None }
    }

    /// Returns it with the size of its home, as `devctl homes` lists it.
    pub(crate) fn with_home(self, home: Option<String>) -> Self {
        Self { home, ..self }
    }

    fn headline(&self, look: &Look) -> String {
        let server = &self.server;
        let how = match server.state() {
            State::Ready => format!("{} is ready; {} opens a shell", server.name, self.shell),
            State::Coming => format!("{} is not ready yet: ", server.name),
            State::Failed => format!("{} does not come up: ", server.name),
            State::Going => format!("{} is being deleted: ", server.name),
        };
        let text = how + &server.trouble().map(|trouble| plain(&trouble)).unwrap_or_default();
        let lines = wrapped(&text, look.width.unwrap_or(usize::MAX));
        let lines = lines.iter().map(|line| toned(line, tone(server.state()), look.colours));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn facts(&self, wide: bool, look: &Look) -> String {
        let server = &self.server;
        let missing = |text: &Option<String>| text.clone().unwrap_or_else(|| "the platform's".to_owned());
        let home = format!(
            "{}, {}",
            self.home.as_deref().or(server.home_size.as_deref()).unwrap_or("of the platform's size"),
            if server.home_goes { "deleted with the dev server" } else { "kept when the dev server goes" }
        );
        let mut pairs = vec![
            ("flavor", Cell::maybe(server.flavor.as_deref())),
            ("image", missing(&server.image).into()),
            ("home", home.into()),
            ("age", age::since(server.created, look.now).into()),
            ("pod", server.pods.join(", ").into()),
            ("runs for", age::since(server.started, look.now).into()),
        ];
        if !server.command.is_empty() {
            pairs.push(("command", server.command.join(" ").into()));
        }
        if let Some(pending) = server.pending() {
            pairs.push(("restart", Cell::toned(pending, Tone::Wait)));
        }
        if wide {
            pairs.push(("phase", (&server.phase).into()));
            pairs.push(("uid", Cell::maybe(self.object.metadata.uid.as_deref())));
        }
        fields(&pairs, look)
    }

    fn conditions(&self, look: &Look) -> String {
        let columns = [
            ("CONDITION", Room::Whole),
            ("STATUS", Room::Whole),
            ("REASON", Room::Gives(1)),
            ("SINCE", Room::Whole),
            ("MESSAGE", Room::Gives(2)),
        ];
        let mut table = Table::new(&columns);
        for condition in &self.server.conditions {
            // Of those there are, this one alone is good when it is not so.
            let good = (condition.status == "True") != (condition.type_ == "RestartPending");
            let tone = match condition.status.as_str() {
                "Unknown" => Tone::Wait,
                _ if good => Tone::Good,
                _ => Tone::Bad,
            };
            // What every new server says by itself has no time of its own.
            let since = self.server.created.unwrap_or_default().max(condition.last_transition_time.0);
            table.row(vec![
                (&condition.type_).into(),
                Cell::toned(&condition.status, tone),
                (&condition.reason).into(),
                age::age(since, look.now).into(),
                (&condition.message).into(),
            ]);
        }
        table.text(look)
    }

    fn happened(&self, look: &Look) -> String {
        if self.events.is_empty() {
            return "no events; Kubernetes keeps them for an hour".to_owned();
        }
        let columns = [
            ("EVENT", Room::Whole),
            ("AGE", Room::Whole),
            ("ABOUT", Room::Gives(3)),
            ("MESSAGE", Room::Gives(2)),
        ];
        let mut table = Table::new(&columns);
        for event in &self.events {
            let often = if event.count > 1 { format!(" x{}", event.count) } else { String::new() };
            let tone = if event.warning { Tone::Bad } else { Tone::Plain };
            table.row(vec![
                Cell::toned(&event.reason, tone),
                format!("{}{often}", age::since(event.at, look.now)).into(),
                (&event.about).into(),
                (&event.message).into(),
            ]);
        }
        table.text(look)
    }
}

impl Show for Described {
    fn table(&self, wide: bool, look: &Look) -> String {
        let mut parts = vec![self.headline(look), self.facts(wide, look)];
        if !self.server.conditions.is_empty() {
            parts.push(self.conditions(look));
        }
        parts.push(self.happened(look));
        parts.join("\n\n")
    }

    fn value(&self) -> Value {
        let event = |event: &Event| {
            json!({
                "at": event.at, "type": if event.warning { "Warning" } else { "Normal" }, "reason": event.reason,
                "about": event.about, "message": event.message, "count": event.count,
            })
        };
        json!({
            "server": object::printed(&self.object),
            "trouble": self.server.trouble(),
            "events": self.events.iter().map(event).collect::<Vec<_>>(),
        })
    }

    fn names(&self) -> Vec<String> {
        vec![self.server.name.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        object::tests::server::{object, ready, waiting},
        view::{Format, text},
    };

    fn look(width: usize) -> Look {
        Look { width: Some(width), colours: false, now: "2026-11-24T10:05:00Z".parse().unwrap() }
    }

    #[test]
    fn why_it_is_not_ready_comes_first() {
        let message = "the image \"nosuch:1\" cannot be had: registry.example.com: manifest unknown";
        let status = waiting("Pending", "ImagePull", message);
        let spec = json!({"image": "nosuch:1", "persistentHomeSize": "20Gi", "command": ["sleep", "1"]});
        let events = vec![Event {
            at: "2026-11-24T10:04:30Z".parse().ok(),
            warning: true,
            reason: "Failed".into(),
            about: "Pod mydev-6d4cf56db6-x2x7k".into(),
            message: "Failed to pull image\nfor a reason".into(),
            count: 4,
        }];
        let described = Described::new(object("mydev", spec, status), events, String::new());
        insta::assert_snapshot!(text(&described, Format::Table, &look(80)), @r#"
        mydev is not ready yet: ImagePull: the image "nosuch:1" cannot be had:
        registry.example.com: manifest unknown

        flavor:    cpu-small
        image:     nosuch:1
        home:      20Gi, kept when the dev server goes
        age:       5m
        pod:       -
        runs for:  -
        command:   sleep 1

        CONDITION  STATUS  REASON     SINCE  MESSAGE
        Accepted   True    Valid      4m55s  -
        Ready      False   ImagePull  4m55s  the image "nosuch:1" cannot be had: regist…

        EVENT   AGE     ABOUT                       MESSAGE
        Failed  30s x4  Pod mydev-6d4cf56db6-x2x7k  Failed to pull image for a reason
        "#);
        assert_eq!(described.value()["trouble"], format!("ImagePull: {message}"));
    }

    #[test]
    fn home_has_the_size_of_its_volume() {
        let of = |spec: Value, home: Option<&str>| {
            let described = Described::new(object("mydev", spec, ready()), Vec::new(), String::new());
            let text = text(&described.with_home(home.map(str::to_owned)), Format::Table, &look(100));
            text.lines().find_map(|line| line.strip_prefix("home:")).unwrap().trim().to_owned()
        };
        assert_eq!(of(json!({}), Some("10Gi")), "10Gi, kept when the dev server goes");
        assert_eq!(of(json!({}), None), "of the platform's size, kept when the dev server goes");
        assert_eq!(of(json!({"persistentHomeSize": "20Gi"}), None), "20Gi, kept when the dev server goes");
    }

    #[test]
    fn what_a_new_one_says_by_itself_is_as_old_as_it_is() {
        let mut status = waiting("Pending", "Starting", "waiting for the operator to make it");
        for condition in status["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = json!("1970-01-01T00:00:00Z");
        }
        let described = Described::new(object("mydev", json!({}), status), Vec::new(), String::new());
        let described = text(&described, Format::Table, &look(100));
        let ready = described.lines().find(|line| line.starts_with("Ready")).unwrap();
        assert_eq!(ready, "Ready      False   Starting  5m     waiting for the operator to make it");
    }

    #[test]
    fn one_that_is_ready_says_how_to_get_in() {
        let object = object("mydev", json!({"homeRetention": "Delete"}), ready());
        let described = Described::new(object, Vec::new(), "`ssh alice+mydev@dev.example.com`".to_owned());
        insta::assert_snapshot!(text(&described, Format::Wide, &look(100)), @r"
        mydev is ready; `ssh alice+mydev@dev.example.com` opens a shell

        flavor:    cpu-small
        image:     devplat.local/base@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
        home:      of the platform's size, deleted with the dev server
        age:       5m
        pod:       mydev-6d4cf56db6-x2x7k
        runs for:  4m56s
        phase:     Running
        uid:       -

        CONDITION  STATUS  REASON    SINCE  MESSAGE
        Ready      True    PodReady  4m55s  -

        no events; Kubernetes keeps them for an hour
        ");
        assert_eq!(text(&described, Format::Name, &look(100)), "mydev");
    }
}
