//! The block in files of users, and the hosts of the included files as ssh reads them.

use std::ffi::OsStr;

use devplat_profile::PlatformName;
use devplat_tool::Command;

use super::{ssh_config::SshHost, *};

fn state() -> StateFolder {
    StateFolder::below(Path::new("/home/ada/.local/state/devplat"), &PlatformName::default())
}

fn host(platform: &PlatformName, port: u16) -> SshHost {
    SshHost {
        platform: platform.to_string(),
        address: format!("{platform}.example"),
        port,
        authority: String::new(),
        users: vec!["demo".to_owned()],
    }
}

/// Returns the settings that `ssh -G` prints for a host of the file `config`.
async fn settings(folder: &Path, host: &str) -> String {
    let own = Surroundings::new(std::env::vars_os(), None);
    let config = folder.join("config");
    let args = [OsStr::new("-F"), config.as_os_str(), OsStr::new("-G"), OsStr::new(host)];
    Command::new("ssh", &own).args(args).run().await.unwrap().stdout
}

#[tokio::test]
async fn hosts_of_two_platforms_never_clash() {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, platforms) = (String::new(), [("one", 41022), ("two", 41023)]);
    for (platform, port) in platforms {
        let platform: PlatformName = platform.parse().unwrap();
        let state = StateFolder::below(folder.path(), &platform);
        std::fs::create_dir_all(state.path().join("ssh")).unwrap();
        std::fs::write(ssh_config::hosts_file(&state), host(&platform, port).hosts(&state)).unwrap();
        config += &Block::of(platform.as_str(), &ssh_config::hosts_file(&state)).text();
    }
    std::fs::write(folder.path().join("config"), config).unwrap();
    for (platform, port) in platforms {
        let state = StateFolder::below(folder.path(), &platform.parse().unwrap());
        let known = format!("userknownhostsfile {}", state.known_hosts().display());
        let key = format!("identityfile {}", state.user_key("demo").display());
        let jump = format!("proxyjump demo@{platform}");
        let (name, port) = (format!("hostname {platform}.example"), format!("port {port}"));
        for (host, expected) in [
            (format!("mydev.demo.{platform}"), vec!["user dev", &jump, &key, &known]),
            (format!("demo@{platform}"), vec!["user demo", &name, &port, &key, &known]),
            (format!("demo+mydev@{platform}"), vec!["user demo+mydev", &name, &port, &key, &known]),
        ] {
            let settings = settings(folder.path(), &host).await;
            for line in expected {
                assert!(settings.lines().any(|found| found == line), "{host}: {line}: {settings}");
            }
        }
        // A user with a key of their own, who has the name of the other platform.
        let other = if platform == "one" { "two" } else { "one" };
        let settings = settings(folder.path(), &format!("mydev.{other}.{platform}")).await;
        for line in ["user dev", &known] {
            assert!(settings.lines().any(|found| found == line), "{line}: {settings}");
        }
        assert!(settings.contains(&format!("@{platform}\"' ssh")), "{settings}");
    }
}

/// Returns the arguments of the `ssh` that OpenSSH starts to reach `host` through the bastion.
async fn jump_to(folder: &Path, config: &Path, host: &str) -> String {
    let (programs, log) = (folder.join("programs"), folder.join("log"));
    std::fs::create_dir_all(&programs).unwrap();
    // The first one is started by its path.
    let ssh = programs.join("ssh");
    std::fs::write(&ssh, format!("#!/bin/sh\necho \"$@\" > '{}'\n", log.display())).unwrap();
    std::fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let own = Surroundings::new([("PATH", path.as_str()), ("SHELL", "/bin/sh")], None);
    let args = [OsStr::new("-F"), config.as_os_str(), OsStr::new(host)];
    // It ends without a connection.
    drop(Command::new("/usr/bin/ssh", &own).args(args).run().await);
    std::fs::read_to_string(&log).unwrap().trim().to_owned()
}

#[tokio::test]
async fn dev_server_is_reached_as_the_user_in_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::below(&folder.path().join("it's 5%"), &PlatformName::default());
    state.make_ssh().unwrap();
    let host = host(&PlatformName::default(), 41022);
    std::fs::write(ssh_config::hosts_file(&state), host.hosts(&state)).unwrap();
    std::fs::write(state.ssh_config(), host.config(&state)).unwrap();
    let to = "-W [mydev.alice.devplat]:22 -- alice@devplat";
    let included = ssh_config::hosts_file(&state);
    assert_eq!(jump_to(folder.path(), &included, "mydev.alice.devplat").await, to);
    let own = state.ssh_config();
    let with_file = format!("-F {} {to}", own.display());
    assert_eq!(jump_to(folder.path(), &own, "mydev.alice.devplat").await, with_file);
}

#[tokio::test]
async fn block_applies_below_a_stanza_and_ends_before_own_options() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::below(folder.path(), &PlatformName::default());
    state.make_ssh().unwrap();
    let hosts = host(&PlatformName::default(), 41022).hosts(&state);
    std::fs::write(ssh_config::hosts_file(&state), hosts).unwrap();
    let block = Block::of("devplat", &ssh_config::hosts_file(&state)).text();
    let config = format!("Host mine\n  Port 7\n{block}Compression yes\n");
    std::fs::write(folder.path().join("config"), config).unwrap();
    let of_platform = settings(folder.path(), "demo@devplat").await;
    assert!(of_platform.lines().any(|line| line == "port 41022"), "{of_platform}");
    for host in ["devplat", "mine", "elsewhere"] {
        let settings = settings(folder.path(), host).await;
        assert!(settings.lines().any(|line| line == "compression yes"), "{host}: {settings}");
    }
}

#[test]
fn block_below_a_stanza_returns_to_the_top() {
    let block = Block::of("devplat", &ssh_config::hosts_file(&state())).text();
    let (home, surroundings) = home(Some(&format!("Host mine\n  Port 7\n{block}Compression yes\n")));
    add(&surroundings, "devplat");
    let text = std::fs::read_to_string(home.path().join(".ssh/config")).unwrap();
    assert_eq!(text, format!("{block}Host mine\n  Port 7\nCompression yes\n"));
}

#[test]
fn block_without_a_current_included_file_differs() {
    let host = host(&PlatformName::default(), 41022);
    let (hosts, config) = (host.hosts(&state()), host.config(&state()));
    let of = |block, hosts: Option<&str>, config: Option<&str>| {
        let fields = Fields { block, hosts: hosts.map(str::to_owned), config: config.map(str::to_owned) };
        match compare(&fields, &state()) {
            Verdict::Differs(changes) => changes[0].to_string(),
            verdict => format!("{verdict:?}"),
        }
    };
    let current = BlockState::Current;
    let (hosts, config) = (Some(hosts.as_str()), Some(config.as_str()));
    assert_eq!(of(current, hosts, config), "Same");
    let moved = hosts.map(|hosts| hosts.replace("41022", "41023"));
    let changed = "the included file differs from the ssh configuration";
    assert_eq!(of(current, moved.as_deref(), config), changed);
    assert_eq!(of(current, None, config), "the included file is missing");
    assert_eq!(of(BlockState::Elsewhere, hosts, config), "the block names another file");
    assert_eq!(of(BlockState::Older, hosts, config), "the block is of an older devplat");
    assert!(of(BlockState::Displaced, hosts, config).starts_with("the block is below a Host or Match line"));
    assert_eq!(of(BlockState::Damaged, hosts, config), "the block is damaged or double");
}

/// Returns a home folder with this configuration, and the surroundings with it.
fn home(config: Option<&str>) -> (tempfile::TempDir, Surroundings) {
    let home = tempfile::tempdir().unwrap();
    if let Some(config) = config {
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(home.path().join(".ssh/config"), config).unwrap();
    }
    let surroundings = Surroundings::new([("PATH", "/usr/bin")], Some(home.path().to_owned()));
    (home, surroundings)
}

fn add(surroundings: &Surroundings, platform: &str) {
    let opened = opened(surroundings, platform, &state()).unwrap();
    opened.file.replace(&opened.with_block().unwrap()).unwrap();
}

#[test]
fn created_file_and_folder_are_deleted_with_the_last_block() {
    let (home, surroundings) = home(None);
    let file = home.path().join(".ssh/config");
    add(&surroundings, "devplat");
    add(&surroundings, "team-a");
    add(&surroundings, "devplat");
    assert_eq!(lines::platforms(&std::fs::read(&file).unwrap()), ["devplat", "team-a"]);
    remove(&surroundings, "devplat", &state()).unwrap();
    assert!(file.exists());
    remove(&surroundings, "team-a", &state()).unwrap();
    assert!(!home.path().join(".ssh").exists());
    // Nothing is left to remove.
    remove(&surroundings, "team-a", &state()).unwrap();
}

#[test]
fn file_of_the_user_stays_even_if_it_is_empty() {
    for config in ["", "Host mine\n"] {
        let (home, surroundings) = home(Some(config));
        add(&surroundings, "devplat");
        remove(&surroundings, "devplat", &state()).unwrap();
        assert_eq!(std::fs::read_to_string(home.path().join(".ssh/config")).unwrap(), config);
    }
}

#[test]
fn damaged_block_becomes_one_whole_block() {
    let begin = Block::of("devplat", &ssh_config::hosts_file(&state())).text();
    let begin = begin.lines().next().unwrap();
    let (home, surroundings) = home(Some(&format!("Host mine\n{begin}\n{begin}\n")));
    add(&surroundings, "devplat");
    let text = std::fs::read_to_string(home.path().join(".ssh/config")).unwrap();
    assert_eq!(text, Block::of("devplat", &ssh_config::hosts_file(&state())).text() + "Host mine\n");
}

#[test]
fn unclear_block_is_rejected_with_its_lines() {
    let begin = Block::of("devplat", &ssh_config::hosts_file(&state())).text();
    let begin = begin.lines().next().unwrap();
    let (_home, surroundings) = home(Some(&format!("Host mine\n{begin}\nInclude work\n")));
    let failure = check(&surroundings, "devplat", &state()).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.message.contains("/.ssh/config:2: "), "{failure:?}");
    assert!(failure.hints[0].contains("delete lines 2 and 3"), "{failure:?}");
    assert_eq!(remove(&surroundings, "devplat", &state()), Err(failure));
    assert!(check(&surroundings, "other", &state()).is_ok());
}
