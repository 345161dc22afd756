//! Checks of this crate against a real engine. The tests on a real cluster in `tests/` call them with a running node.
//! They create objects whose names begin with the caller's prefix, and delete them again.

use std::{
    io::{Seek, Write},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use crate::{
    docker::{Binding, Engine, NewContainer, Restart, Stdin},
    local::{Account, Mark},
};

/// The result of a check.
pub type CheckResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn ensure(holds: bool, what: impl Into<String>) -> CheckResult {
    if holds { Ok(()) } else { Err(what.into().into()) }
}

fn owner(prefix: &str) -> Mark {
    Mark { platform: prefix.to_owned(), account: Some(Account { uid: 1, name: "check".to_owned() }) }
}

/// A network has its owner's label, has a unique name, and is gone after its deletion.
pub async fn network_comes_and_goes(engine: &Engine, prefix: &str) -> CheckResult {
    let name = format!("{prefix}-network");
    let labels = owner(prefix).labels();
    let id = engine.create_network(&name, &labels, Some("10.201.0.0/24".parse()?)).await?;
    let found = engine.network(&name).await?.ok_or("the network is not found")?;
    ensure(found.id == id, format!("ID {}, created as {id}", found.id))?;
    ensure(Mark::of_labels(&found.labels) == Some(owner(prefix)), format!("labels: {:?}", found.labels))?;
    ensure(found.subnets == ["10.201.0.0/24"], format!("ranges: {:?}", found.subnets))?;
    let again = engine.create_network(&name, &labels, None).await;
    let again = again.err().ok_or("a second network of that name was created")?;
    ensure(again.is_conflict(), again.to_string())?;
    engine.remove_network(&name).await?;
    engine.remove_network(&name).await?;
    ensure(engine.network(&name).await?.is_none(), "the network is still there")
}

/// A container is started in a network, on a port of this machine, and is deleted with its volume.
pub async fn container_comes_and_goes(
    engine: &Engine,
    prefix: &str,
    image: &str,
    command: &[String],
) -> CheckResult {
    let (name, network, volume) =
        (format!("{prefix}-container"), format!("{prefix}-of-container"), format!("{prefix}-volume"));
    let labels = owner(prefix).labels();
    engine.create_network(&network, &labels, None).await?;
    let binding = Binding { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 0 };
    let wanted = NewContainer {
        name: &name,
        image,
        command,
        labels: &labels,
        network: &network,
        variables: &[],
        ports: &[(5000, binding)],
        volumes: &[(volume.clone(), "/data".to_owned())],
        restart: Restart::UnlessStopped,
    };
    engine.create_container(&wanted).await?;
    engine.start(&name).await?;
    let found = engine.container(&name).await?.ok_or("the container is not found")?;
    ensure(found.running, "the container is not running")?;
    ensure(found.networks.contains_key(&network), format!("networks: {:?}", found.networks))?;
    ensure(found.configured[&5000][0].port == 0, format!("made with: {:?}", found.configured))?;
    ensure(
        found.binding(5000).is_some_and(|binding| binding.port != 0),
        format!("bound: {:?}", found.bound),
    )?;
    let listed = engine.containers(&format!("dev.devplat.platform={prefix}")).await?;
    // The engine may restart a container in between, and then other facts differ.
    let ids: Vec<&str> = listed.iter().map(|container| container.id.as_str()).collect();
    ensure(ids == [found.id.as_str()], format!("listed: {listed:?}, found: {found:?}"))?;
    engine.stop(&name, 0).await?;
    let path = "/etc/devplat/check.json";
    ensure(engine.read_file(&name, path).await?.is_none(), "an absent file was read")?;
    engine.write_file(&name, path, b"{}").await?;
    ensure(
        engine.read_file(&name, path).await?.as_deref() == Some(b"{}"),
        "a stopped container's file differs",
    )?;
    engine.remove_container(&name).await?;
    engine.remove_container(&name).await?;
    engine.remove_volume(&volume).await?;
    engine.remove_network(&network).await?;
    ensure(engine.container(&name).await?.is_none(), "the container is still there")
}

/// A command's standard input takes a whole file of 64 MiB, and a failed command returns its status and output.
pub async fn input_reaches_a_command_whole(engine: &Engine, node: &str) -> CheckResult {
    const LENGTH: usize = 64 << 20;
    let mut file = tempfile::tempfile()?;
    let block: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    for _ in 0..LENGTH >> 20 {
        file.write_all(&block)?;
    }
    file.rewind()?;
    let counted = engine.exec(node, &["wc", "-c"], Stdin::File(Arc::new(file))).await?;
    ensure(counted.trim() == LENGTH.to_string(), counted)?;
    let early = engine.exec(node, &["true"], Stdin::Bytes(vec![0; 8 << 20])).await?;
    ensure(early.is_empty(), "a command that reads nothing wrote something")?;
    let ran = engine.exec_any(node, &["sh", "-c", "echo out; echo err >&2; exit 7"], Stdin::Nothing).await?;
    ensure(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()) == (7, "out\n", "err\n"),
        format!("{ran:?}"),
    )
}

/// Absent objects are not errors.
pub async fn absent_things_are_none(engine: &Engine, prefix: &str) -> CheckResult {
    let name = format!("{prefix}-absent");
    ensure(engine.container(&name).await?.is_none(), "container")?;
    ensure(engine.volume(&name).await?.is_none(), "volume")?;
    ensure(engine.network(&name).await?.is_none(), "network")?;
    ensure(engine.image(&name).await?.is_none(), "image")?;
    let error =
        engine.read_file(&name, "/etc/passwd").await.err().ok_or("a file of no container was read")?;
    ensure(error.is_not_found(), error.to_string())
}
