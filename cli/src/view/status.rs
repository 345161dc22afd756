//! Everything a user has, in one look.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{
    Look, Show,
    servers::tone,
    table::{Cell, Tone, fields},
};
use crate::object::{Flavor, Server, State};

/// What there is.
#[derive(Debug)]
pub(crate) struct Status {
    user: Option<String>,
    namespace: String,
    servers: Vec<Server>,
    flavors: Vec<Flavor>,
    create: String,
}

impl Status {
    /// Returns the status of `namespace`, with the command line that creates a dev server.
    pub(crate) fn new(
        user: Option<String>,
        namespace: String,
        servers: &[DynamicObject],
        flavors: &[DynamicObject],
        create: String,
    ) -> Self {
        let mut servers: Vec<Server> = servers.iter().map(Server::of).collect();
        let mut flavors: Vec<Flavor> = flavors.iter().map(Flavor::of).collect();
        servers.sort_by(|a, b| a.name.cmp(&b.name));
        flavors.sort_by(|a, b| a.name.cmp(&b.name));
        Self { user, namespace, servers, flavors, create }
    }

    fn ready(&self) -> usize {
        self.servers.iter().filter(|server| server.state() == State::Ready).count()
    }
}

impl Show for Status {
    fn table(&self, _wide: bool, look: &Look) -> String {
        let (ready, all) = (self.ready(), self.servers.len());
        let servers = match all {
            0 => Cell::from(format!("none; {} creates one", self.create)),
            _ => Cell::toned(
                format!("{ready} of {all} ready"),
                if ready == all { Tone::Good } else { Tone::Wait },
            ),
        };
        let named = |flavor: &Flavor| {
            if flavor.default { format!("{} (default)", flavor.name) } else { flavor.name.clone() }
        };
        let flavors: Vec<String> = self.flavors.iter().map(named).collect();
        let mut pairs = vec![
            ("user", Cell::maybe(self.user.as_deref())),
            ("namespace", (&self.namespace).into()),
            ("API server", Cell::toned("answers", Tone::Good)),
            ("flavors", flavors.join(", ").into()),
            ("dev servers", servers),
        ];
        for server in &self.servers {
            let how = server.trouble().unwrap_or_else(|| "ready".to_owned());
            pairs.push((server.name.as_str(), Cell::toned(how, tone(server.state()))));
        }
        fields(&pairs, look)
    }

    fn value(&self) -> Value {
        let server = |server: &Server| json!({"name": server.name, "ready": server.state() == State::Ready, "trouble": server.trouble()});
        let flavor = |flavor: &Flavor| json!({"name": flavor.name, "default": flavor.default});
        json!({
            "user": self.user,
            "namespace": self.namespace,
            "apiReachable": true,
            "ready": self.ready(),
            "total": self.servers.len(),
            "servers": self.servers.iter().map(server).collect::<Vec<_>>(),
            "flavors": self.flavors.iter().map(flavor).collect::<Vec<_>>(),
        })
    }

    fn names(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        object::tests::{
            flavor,
            server::{object, ready, waiting},
        },
        view::{Format, text},
    };

    #[test]
    fn one_look_says_what_is_ready_and_what_is_wrong() {
        let message = "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate";
        let servers = [
            object("mydev", json!({}), ready()),
            object("big", json!({}), waiting("Pending", "Unschedulable", message)),
        ];
        let flavors =
            [flavor::object("cpu-small", true, json!({})), flavor::object("cpu-large", false, json!({}))];
        let user = Some("alice".into());
        let status = Status::new(user, "dev-alice".into(), &servers, &flavors, String::new());
        let look = Look { width: Some(60), colours: false, now: "2026-11-24T10:05:00Z".parse().unwrap() };
        insta::assert_snapshot!(text(&status, Format::Table, &look), @r"
        user:         alice
        namespace:    dev-alice
        API server:   answers
        flavors:      cpu-large, cpu-small (default)
        dev servers:  1 of 2 ready
        big:          Unschedulable: 0/1 nodes are available: 1
                      Insufficient memory. no new claims to
                      deallocate
        mydev:        ready
        ");
        assert_eq!((&status.value()["ready"], &status.value()["total"]), (&json!(1), &json!(2)));
        assert_eq!(text(&status, Format::Name, &look), "big\nmydev");
    }
}
