//! Who gets in by a certificate, and until when.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use devplat_keys::Certificate;
use russh::{
    client::AuthResult,
    keys::ssh_key::certificate::{Builder, CertType},
};
use tokio::time::timeout;

use crate::{
    keys::{EVE, key},
    process::run,
    russh_client::{Client, rejected},
    world::{MYDEV, Plan, World},
};

/// Two authorities of users.
const ONE: u8 = 20;
const OTHER: u8 = 21;

/// A world that follows two files.
struct Certified {
    world: World,
    trusted: PathBuf,
    revoked: PathBuf,
    _folder: tempfile::TempDir,
}

async fn certified() -> Certified {
    let folder = tempfile::tempdir().unwrap();
    let (trusted, revoked) = (folder.path().join("trusted"), folder.path().join("revoked"));
    trust(&trusted, ONE);
    fs::write(&revoked, "").unwrap();
    let plan = Plan { user_ca: vec![trusted.clone()], revoked: Some(revoked.clone()), ..Plan::default() };
    Certified { world: World::with(plan).await, trusted, revoked, _folder: folder }
}

fn trust(path: &Path, authority: u8) {
    fs::write(path, key(authority).public_key().to_openssh().unwrap()).unwrap();
}

impl Certified {
    /// Gives eve's key a certificate of `authority` for `principal`, which ends so many seconds from now.
    fn certify(&self, authority: u8, principal: &str, ends: i64) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let until = now.checked_add_signed(ends).unwrap();
        let public = key(EVE).public_key().key_data().clone();
        let mut builder = Builder::new([1; 16], public, now - 3600, until).unwrap();
        builder.cert_type(CertType::User).unwrap().serial(7).unwrap().key_id("laptop").unwrap();
        builder.valid_principal(principal).unwrap();
        let text = builder.sign(&key(authority)).unwrap().to_openssh().unwrap();
        fs::write(self.world.folder.path().join("eve-cert.pub"), text).unwrap();
    }

    /// The answer to a login as alice with eve's key and its certificate.
    async fn answer(&self) -> AuthResult {
        let text = fs::read_to_string(self.world.folder.path().join("eve-cert.pub")).unwrap();
        let certificate = Certificate::from_openssh(&text).unwrap();
        let mut client = Client::connect(self.world.address).await;
        client.log_in_certified("alice+mydev", &key(EVE), certificate).await
    }

    /// The exit status of OpenSSH's client with the same key and certificate.
    async fn status(&self) -> i32 {
        run(self.world.ssh("eve").args([MYDEV, "exit 4"])).await.status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_a_user_ca_let_in_by_principal_until_they_are_revoked() {
    let all = certified().await;
    let world = &all.world;
    all.certify(ONE, "alice", 3600);
    assert_eq!(all.status().await, 4, "{}", world.audit.text());
    all.certify(ONE, "bob", 3600);
    assert_eq!(all.answer().await, rejected());
    // Named like this, it is offered before her key, which is nobody's.
    let first = format!("CertificateFile={}", world.folder.path().join("eve-cert.pub").display());
    assert_eq!(run(world.ssh("eve").args(["-o", &first, MYDEV, "true"])).await.status, 255);
    world.audit.has(&[r#""event":"refused","connection":3"#, r#""user":"alice""#, "it is for bob"]).await;
    all.certify(ONE, "alice", -60);
    assert_eq!(all.answer().await, rejected());
    world.audit.has(&[r#""event":"refused","connection":4"#, "certificate has expired"]).await;
    // Open sessions end, too.
    all.certify(ONE, "alice", 3600);
    let mut child = world.ssh("eve").args([MYDEV, "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#, r#""connection":5"#]).await;
    fs::write(&all.revoked, "serial: 7\n").unwrap();
    world.door.authorities.reread().unwrap();
    let ended = timeout(Duration::from_secs(10), child.wait()).await.expect("it ends within 10 s").unwrap();
    assert_eq!(ended.code(), Some(255));
    assert_eq!(all.answer().await, rejected());
    // Keys of users work beside it.
    assert_eq!(run(world.ssh("alice").args([MYDEV, "exit 5"])).await.status, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_ca_taken_away_lets_nobody_in_and_ends_its_sessions_and_one_added_lets_in() {
    let all = certified().await;
    let world = &all.world;
    all.certify(OTHER, "alice", 3600);
    assert_eq!(all.answer().await, rejected(), "not trusted yet");
    all.certify(ONE, "alice", 3600);
    let mut of_one = world.ssh("eve").args([MYDEV, "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#, r#""connection":2"#]).await;
    let mut by_key = world.ssh("alice").args([MYDEV, "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#, r#""connection":3"#]).await;
    trust(&all.trusted, OTHER);
    world.door.authorities.reread().unwrap();
    let ended = timeout(Duration::from_secs(10), of_one.wait()).await.expect("it ends").unwrap();
    assert_eq!(ended.code(), Some(255));
    world.audit.has(&[r#""event":"logout","connection":2"#, "key or user taken away"]).await;
    assert_eq!(all.answer().await, rejected());
    world.audit.has(&[r#""event":"refused","connection":4"#, "which is not trusted here"]).await;
    all.certify(OTHER, "alice", 3600);
    assert_eq!(all.status().await, 4, "{}", world.audit.text());
    assert!(by_key.try_wait().unwrap().is_none(), "who came by a key stays");
}
