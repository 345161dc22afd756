//! What is told while an image goes to a registry, which is a small one here.

use std::sync::{Arc, Mutex};

use devplat_image::{ImageName, Key, Store};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;

/// Says yes to every request, and of a blob that it is there or not.
async fn answer(stream: TcpStream, has_blobs: bool) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 2 {
            head.push_str(&line.to_lowercase());
            line.clear();
        }
        if head.is_empty() {
            return Ok(());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let status = match head.split(' ').next().unwrap_or_default() {
            "head" if has_blobs => "200 OK",
            "head" => "404 Not Found",
            "post" | "patch" => "202 Accepted",
            "put" => "201 Created",
            _ => "200 OK",
        };
        let place = "/v2/team/devplat-agent/blobs/uploads/1";
        let said = format!("HTTP/1.1 {status}\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(said.as_bytes()).await?;
    }
}

/// What is told while an image of one layer goes to a registry that has its blobs or not.
async fn told(has_blobs: bool) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, has_blobs));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("devplat-agent");
    std::fs::write(&program, "#!/bin/true\n").unwrap();
    let key = Key::of_programs(ImageName::Agent, &[&program]).unwrap();
    let store = Store::new(folder.path().join("images"));
    let stored = store.assemble_programs(ImageName::Agent, &key, &[&program]).unwrap();
    let prefix = format!("{address}/team");
    let place =
        Place::of(&Reference::in_registry(&prefix, ImageName::Agent, &stored.manifest.digest)).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = |what: &str| told.lock().unwrap().push(what.replace(&address, "REGISTRY"));
    place.push(&stored, tell).await.unwrap();
    serving.abort();
    let told = told.lock().unwrap();
    let layer = format!(", {}, ", size(stored.layers[0].size));
    told.iter().map(|what| what.replace(&layer, ", LAYER, ")).collect()
}

#[tokio::test]
async fn each_layer_is_told_with_its_number_and_size() {
    assert_eq!(
        told(false).await,
        [
            "pushing layer 1 of 1, LAYER, to REGISTRY",
            "pushing its configuration, 1 kB, to REGISTRY",
            "pushing its manifest to REGISTRY",
        ]
    );
}

#[tokio::test]
async fn what_is_there_already_is_told_and_not_pushed() {
    assert_eq!(
        told(true).await,
        [
            "layer 1 of 1 is in REGISTRY already",
            "its configuration is in REGISTRY already",
            "pushing its manifest to REGISTRY",
        ]
    );
}
