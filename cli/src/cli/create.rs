//! `devctl create`: one dev server, which must not be there yet.

use clap::Args;
use devplat_api::{Amount, amount::InvalidAmount, name::ServerName};
use serde_json::{Value, json};

use super::{
    Session,
    arguments::server_name,
    wait::{self, Goal, Patience},
};
use crate::{
    cluster::{Cluster, Trouble},
    failure::{Ended, Exit, Failure},
    object::{Flavor, nearest},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl create mydev --wait
  devctl create train --flavor cpu-large --image pytorch/pytorch --home-size 50Gi
  devctl create scratch --delete-home-with-server
  devctl create web -- python3 -m http.server";

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name: lowercase letters, digits and '-', at most 52
    #[arg(value_parser = server_name)]
    name: ServerName,
    /// Its size, see `devctl flavors`; the default one otherwise
    #[arg(long, value_name = "NAME")]
    flavor: Option<String>,
    /// Its image; the platform's otherwise
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Size of its home, such as 20Gi; the platform's otherwise
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    home_size: Option<Amount>,
    /// Let the home go with the dev server; otherwise the next one of its name gets it
    #[arg(long)]
    delete_home_with_server: bool,
    /// Claim that is mounted at /shared
    #[arg(long, value_name = "CLAIM")]
    shared: Option<String>,
    #[command(flatten)]
    patience: Patience,
    /// What runs in it, with arguments; it stays up without
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn amount(text: &str) -> Result<Amount, InvalidAmount> {
    Amount::parse(text)
}

/// Returns whether the dev server of this name is being deleted.
async fn is_leaving(cluster: &Cluster, name: &ServerName) -> bool {
    let found = cluster.server(name).await;
    found.is_ok_and(|server| server.metadata.deletion_timestamp.is_some())
}

impl Create {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        if let Some(flavor) = &self.flavor {
            known(cluster, flavor).await?;
        }
        self.made(cluster).await?;
        let name = self.name.as_str();
        let shell = session.invocation.shell(name);
        if self.patience.wait {
            wait::until(session, &self.name, &Goal::Ready, self.patience).await?;
            session.terminal.say(&format!("dev server {name} is ready; {shell} opens a shell"));
        } else {
            let how = format!("{shell} opens a shell as soon as it is ready");
            session.terminal.say(&format!("dev server {name} created; {how}"));
        }
        Ok(Ended::Well)
    }

    /// Makes the dev server.
    async fn made(&self, cluster: &Cluster) -> Result<(), Failure> {
        let name = self.name.as_str();
        match cluster.create(&self.name, self.spec()).await {
            Ok(_) => Ok(()),
            Err(Trouble::Taken { .. }) if is_leaving(cluster, &self.name).await => {
                let failure =
                    Failure::new(Exit::NotReady, format!("dev server {name} is still being deleted"));
                Err(failure.hint("run the same command again in a moment; `delete --wait` waits for that"))
            }
            Err(Trouble::Taken { .. }) => {
                let failure = Failure::new(Exit::Usage, format!("there is a dev server {name} already"));
                Err(failure
                    .run(format!("describe {name}"), "for its state")
                    .hint("choose another name for a second one"))
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// Only what was asked for: the rest is for the platform to say.
    fn spec(&self) -> Value {
        let Self { name: _, flavor, image, home_size, delete_home_with_server, shared, patience: _, command } =
            self;
        let mut spec = json!({});
        let mut set = |field: &str, value: Value| spec[field] = value;
        if let Some(flavor) = flavor {
            set("flavor", json!(flavor));
        }
        if let Some(image) = image {
            set("image", json!(image));
        }
        if let Some(size) = home_size {
            set("persistentHomeSize", json!(size));
        }
        if *delete_home_with_server {
            set("homeRetention", json!("Delete"));
        }
        if let Some(claim) = shared {
            set("sharedVolumeClaimName", json!(claim));
        }
        if !command.is_empty() {
            set("command", json!(command));
        }
        spec
    }
}

/// Whether there is such a flavor: a dev server with another one would only say so later.
async fn known(cluster: &Cluster, name: &str) -> Result<(), Failure> {
    let flavors: Vec<Flavor> = cluster.flavors().await?.iter().map(Flavor::of).collect();
    judge(name, &flavors)
}

fn judge(name: &str, flavors: &[Flavor]) -> Result<(), Failure> {
    match flavors.iter().find(|flavor| flavor.name == name) {
        Some(Flavor { refusal: Some(why), .. }) => {
            let mut failure = Failure::new(Exit::Usage, format!("flavor {name} takes no dev servers"));
            failure.causes.push(why.clone());
            Err(failure)
        }
        Some(_) => Ok(()),
        None => {
            let failure = Failure::new(Exit::Absent, format!("there is no flavor {name:?}"));
            let names: Vec<&str> = flavors.iter().map(|flavor| &*flavor.name).collect();
            Err(match nearest(name, names.iter().copied()) {
                Some(other) => failure.hint(format!("did you mean {other}?")),
                None if names.is_empty() => failure.hint("there are none; an administrator has to make one"),
                None => failure.hint(format!("there are {}", names.join(", "))),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use devplat_api::{DevServerSpec, server::HomeRetention};
    use tokio::{
        io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
        net::TcpListener,
        task::JoinHandle,
    };

    use super::*;
    use crate::{
        cli::program::{Program, Verb},
        failure::Hint,
        place::{Bastion, Place, Token},
    };

    fn parsed(line: &str) -> Create {
        match Program::try_parse_from(line.split(' ')).unwrap().verb {
            Some(Verb::Create(create)) => create,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn spec_says_what_was_asked_for_and_nothing_else() {
        assert_eq!(parsed("devctl create mydev").spec(), json!({}));
        let line = "devctl create a --flavor b --image c --home-size 5Gi --delete-home-with-server --shared d -- e f";
        let spec: DevServerSpec = serde_json::from_value(parsed(line).spec()).unwrap();
        let expected = DevServerSpec {
            flavor: Some("b".into()),
            image: Some("c".into()),
            persistent_home_size: Some(Amount::parse("5Gi").unwrap()),
            home_retention: HomeRetention::Delete,
            shared_volume_claim_name: Some("d".into()),
            command: vec!["e".into(), "f".into()],
            enable_ssh: true,
            ..DevServerSpec::default()
        };
        assert_eq!(spec, expected);
    }

    #[test]
    fn unknown_flavor_is_told_with_the_nearest() {
        let flavor = |name: &str| Flavor { name: name.into(), ..Flavor::default() };
        let flavors = [flavor("cpu-small"), flavor("cpu-large")];
        assert!(judge("cpu-small", &flavors).is_ok());
        let failure = judge("cpu-smal", &flavors).unwrap_err();
        let text = |text: &str| Hint::Text(text.to_owned());
        assert_eq!((failure.exit, failure.hints), (Exit::Absent, vec![text("did you mean cpu-small?")]));
        let none_near = judge("xyz", &flavors).unwrap_err();
        assert_eq!(none_near.hints, [text("there are cpu-small, cpu-large")]);
    }

    #[test]
    fn flavor_that_takes_no_servers_is_told_before_one_is_made() {
        let refusal = Some("spec.gpu is not supported yet".to_owned());
        let flavors = [Flavor { name: "gpu".into(), refusal, ..Flavor::default() }];
        assert_eq!(judge("gpu", &flavors).unwrap_err().causes, ["spec.gpu is not supported yet"]);
    }

    /// An API server with a dev server of this name: no other one can be created.
    async fn with(metadata: &Value) -> (Cluster, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let taken = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "taken", "reason": "AlreadyExists", "code": 409});
        let there = json!({"kind": "DevServer", "apiVersion": "apps.devservers.io/v1", "metadata": metadata, "spec": {}});
        let serving = tokio::spawn(async move {
            loop {
                let mut stream = BufReader::new(listener.accept().await.unwrap().0);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    stream.read_line(&mut head).await.unwrap();
                }
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                stream.read_exact(&mut body).await.unwrap();
                let (status, body) = if head.starts_with("GET ") { (200, &there) } else { (409, &taken) };
                let body = body.to_string();
                let head =
                    format!("HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nconnection: close");
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let bastion = Bastion {
            server,
            authority: None,
            token: Token("secret".to_owned()),
            user: "alice".to_owned(),
            namespace: "dev-alice".to_owned(),
            host: None,
            platform: None,
            control: None,
        };
        (Cluster::open(&Place::Bastion(bastion)).await.unwrap(), serving)
    }

    #[tokio::test]
    async fn name_of_a_leaving_dev_server_can_be_used_later() {
        let mut metadata = json!({"name": "mydev", "namespace": "dev-alice"});
        let create = parsed("devctl create mydev");
        let (cluster, serving) = with(&metadata).await;
        let taken = create.made(&cluster).await.unwrap_err();
        assert_eq!((taken.exit, &*taken.message), (Exit::Usage, "there is a dev server mydev already"));
        serving.abort();
        metadata["deletionTimestamp"] = json!("2001-02-03T12:00:00Z");
        let (cluster, serving) = with(&metadata).await;
        let leaving = create.made(&cluster).await.unwrap_err();
        let message = "dev server mydev is still being deleted";
        assert_eq!((leaving.exit, &*leaving.message), (Exit::NotReady, message));
        serving.abort();
    }
}
