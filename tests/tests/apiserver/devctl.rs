//! devctl as users call it: as a program, in the bastion's environment, with a token of the user's own ServiceAccount
//! and therefore with the real rights of users.

use std::{fs, time::Duration};

use devplat_api::DevUser;
use devplat_tests::{
    audit::Entry,
    call::{Call, Ended},
};
use k8s_openapi::api::{authentication::v1::TokenRequest, core::v1::ServiceAccount};
use kube::{
    Api,
    api::PostParams,
    config::{AuthInfo, ExecConfig, Kubeconfig},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    cluster::{Platform, platform},
    namespace::{Namespace, becomes, make},
};

/// A limit that no call here reaches.
const BOUND: Duration = Duration::from_mins(1);

/// A user with a login.
struct User {
    platform: &'static Platform,
    name: String,
    token: String,
}

impl User {
    /// Creates a user.
    async fn new(name: &str) -> Self {
        let platform = platform().await;
        let client = platform.plane.client().await.unwrap();
        let users: Api<DevUser> = Api::all(client.clone());
        make(&users, json!({"metadata": {"name": name}, "spec": {}})).await;
        let there =
            |user: &DevUser| user.status.as_ref().is_some_and(|status| status.service_account.is_some());
        becomes(&users, name, "to have access", there).await;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, &format!("dev-{name}"));
        let (params, request) = (PostParams::default(), TokenRequest::default());
        let answer = accounts.create_token_request(&format!("user-{name}"), &params, &request).await.unwrap();
        Self { platform, name: name.to_owned(), token: answer.status.unwrap().token }
    }

    /// Returns a call of devctl as the bastion makes it.
    fn call(&self, args: &[&str]) -> Call {
        self.in_bastion(Call::new(env!("CARGO_BIN_EXE_devplat-test-devctl")).args(args.iter().copied()))
    }

    /// Returns the same call with the environment that the bastion sets.
    fn in_bastion(&self, call: Call) -> Call {
        let kubeconfig = self.platform.plane.kubeconfig();
        let cluster = kubeconfig.clusters[0].cluster.clone().unwrap();
        call.env("DEVCTL_BASTION", "1")
            .env("DEVCTL_SERVER", cluster.server.unwrap())
            .env("DEVCTL_CA_FILE", cluster.certificate_authority.unwrap())
            .env("DEVCTL_TOKEN", &self.token)
            .env("DEVCTL_USER", &self.name)
            .env("DEVCTL_NAMESPACE", format!("dev-{}", self.name))
    }

    /// Runs devctl, which must exit with `status`, and returns its output.
    fn says(&self, status: i32, line: &str) -> Ended {
        let args: Vec<&str> = line.split(' ').collect();
        self.call(&args).run(BOUND).unwrap().expect(status).unwrap()
    }

    /// Returns the user's requests to the API server so far.
    fn asked(&self) -> Vec<Entry> {
        let user = format!("system:serviceaccount:dev-{0}:user-{0}", self.name);
        let mut entries = self.platform.plane.audit().entries().unwrap();
        entries.retain(|entry| entry.user.username == user);
        entries
    }

    async fn space(&self) -> Namespace {
        Namespace { client: self.platform.plane.client().await.unwrap(), name: format!("dev-{}", self.name) }
    }
}

#[tokio::test]
async fn list_asks_the_api_server_once() {
    let user = User::new("devctl-once").await;
    user.says(0, "list");
    let asked: Vec<String> = user.asked().iter().map(Entry::line).collect();
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert!(asked[0].ends_with("list devservers dev-devctl-once/: 200"), "{asked:?}");
}

#[tokio::test]
async fn rights_of_a_user_are_enough_for_every_verb() {
    let user = User::new("devctl-life").await;
    let created = user.says(0, "create mydev --wait --timeout 50");
    // The user's own machine may have no devctl.
    let shell = "mydev is ready; `ssh` as devctl-life+mydev (in place of devctl-life) opens a shell";
    assert!(created.stdout.contains(shell), "{created:?}");
    assert_eq!(user.says(0, "list -o name").stdout, "mydev\n");
    assert!(user.says(0, "list").stdout.contains("cpu-small"));
    assert!(user.says(0, "describe mydev").stdout.starts_with("mydev is ready"));
    assert!(user.says(0, "flavors -o name").stdout.contains("cpu-small\n"));
    assert!(user.says(0, "homes").stdout.contains("used by mydev"));
    assert!(user.says(0, "test-k8s").stdout.contains("Kubernetes v1."));
    assert!(user.says(0, "info").stdout.contains("ssh devctl-life+SERVER@HOST"));
    let status: Value = serde_json::from_str(&user.says(0, "status -o json").stdout).unwrap();
    assert_eq!((&status["ready"], &status["total"]), (&json!(1), &json!(1)));

    let before = user.space().await.pod("mydev").await.metadata.name;
    user.says(0, "restart mydev --wait --timeout 50");
    assert_ne!(user.space().await.pod("mydev").await.metadata.name, before);

    user.says(0, "delete mydev --force --wait --timeout 50");
    assert!(user.says(0, "homes").stdout.contains("kept"));
    user.says(0, "create mydev");
    user.says(0, "delete mydev --force --delete-home --wait --timeout 50");
    assert_eq!(user.says(0, "homes -o name").stdout, "");

    let forbidden: Vec<_> =
        user.asked().into_iter().filter(|entry| entry.annotations.decision == "forbid").collect();
    assert!(forbidden.is_empty(), "{forbidden:#?}");
}

#[tokio::test]
async fn taken_name_and_unknown_flavor_are_rejected_with_a_hint() {
    let user = User::new("devctl-refused").await;
    user.says(0, "create mydev");
    let second = user.says(2, "create mydev");
    assert!(second.stderr.contains("error: there is a dev server mydev already"), "{second:?}");
    let flavor = user.says(3, "create other --flavor cpu-smal");
    assert!(flavor.stderr.contains("hint: did you mean cpu-small?"), "{flavor:?}");
    assert_eq!(user.says(0, "list -o name").stdout, "mydev\n");
    let absent = user.says(3, "describe mydve");
    assert!(absent.stderr.contains("hint: did you mean mydev?"), "{absent:?}");
    let unconfirmed = user.says(2, "delete mydev");
    assert!(unconfirmed.stderr.contains("--force"), "{unconfirmed:?}");
    let invalid = user.says(2, "create mini --home-size 10Gi --image ");
    assert!(invalid.stderr.contains("image"), "{invalid:?}");
    user.says(0, "delete mydev --force");
}

#[tokio::test]
async fn wait_times_out_with_the_last_reason() {
    let user = User::new("devctl-wait").await;
    let space = user.space().await;
    let spec = json!({"nodeSelector": {"example.com/nowhere": "true"}});
    super::namespace::flavor(&space.client, "devctl-nowhere", spec).await;
    let late = user.says(4, "create mydev --flavor devctl-nowhere --wait --timeout 15");
    assert!(late.stderr.contains("mydev is not ready after 15 s\n  because: Unschedulable: "), "{late:?}");
    // Without a terminal, devctl prints a line for each change.
    assert!(late.stderr.contains("mydev: Starting"), "{late:?}");
    assert!(user.says(0, "describe mydev").stdout.starts_with("mydev is not ready yet: Unschedulable"));
    user.says(0, "delete mydev --force --wait");
}

#[tokio::test]
async fn servers_of_other_users_are_not_shown() {
    let user = User::new("devctl-nosy").await;
    let refused = user.says(3, "list -n dev-devctl-once");
    assert!(refused.stderr.contains("you may not do that"), "{refused:?}");
    assert!(user.says(3, "test-k8s -n default").stderr.contains("rights are missing"));
}

#[tokio::test]
async fn invalid_token_and_unreachable_server_are_reported() {
    let user = User::new("devctl-away").await;
    let unknown = user.call(&["list"]).env("DEVCTL_TOKEN", "made-up").run(BOUND).unwrap().expect(3).unwrap();
    assert!(
        unknown.stderr.contains("does not let you in") && unknown.stderr.contains("log in again"),
        "{unknown:?}"
    );
    let away = user.call(&["list"]).env("DEVCTL_SERVER", "https://127.0.0.1:1");
    let away = away.run(BOUND).unwrap().expect(3).unwrap();
    assert!(away.stderr.contains("https://127.0.0.1:1 cannot be reached"), "{away:?}");
}

#[tokio::test]
async fn printed_kubeconfig_works_outside_the_bastion() {
    let user = User::new("devctl-file").await;
    let printed = user.says(0, "kubeconfig").stdout;
    assert!(printed.contains("# The token in it ends at "), "{printed}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    fs::write(&file, printed).unwrap();
    let call = |args: &[&str]| {
        let call = Call::new(env!("CARGO_BIN_EXE_devplat-test-devctl")).args(args.iter().copied());
        call.env("KUBECONFIG", &file).env("HOME", folder.path()).run(BOUND).unwrap()
    };
    call(&["list"]).expect(0).unwrap();
    let info: Value = serde_json::from_str(&call(&["info", "-o", "json"]).expect(0).unwrap().stdout).unwrap();
    assert_eq!(info["user"], "devctl-file");
    assert_eq!(info["knownAs"], "system:serviceaccount:dev-devctl-file:user-devctl-file");
    let nowhere = call(&["ssh", "mydev"]).expect(2).unwrap();
    assert!(nowhere.stderr.contains("--host"), "{nowhere:?}");
    let no_file = Call::new(env!("CARGO_BIN_EXE_devplat-test-devctl")).args(["list"]).env("KUBECONFIG", ":");
    let no_file = no_file.env("HOME", folder.path()).run(BOUND).unwrap().expect(2).unwrap();
    assert!(no_file.stderr.contains("KUBECONFIG names no file"), "{no_file:?}");
}

/// A developer's own machine: a home folder with a kubeconfig for the user.
struct Laptop {
    folder: TempDir,
    kubeconfig: Kubeconfig,
}

impl Laptop {
    fn of(user: &User) -> Self {
        let printed = user.says(0, "kubeconfig").stdout;
        let kubeconfig = Kubeconfig::from_yaml(&printed).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), kubeconfig }
    }

    /// Lets a shell script log in instead of the token. Each of its runs adds a line to the file `calls`.
    fn with_plugin(mut self, script: &str) -> Self {
        let (plugin, calls) = (self.folder.path().join("plugin"), self.folder.path().join("calls"));
        fs::write(&plugin, format!("echo called >> '{}'\n{script}\n", calls.display())).unwrap();
        let exec = ExecConfig {
            api_version: Some("client.authentication.k8s.io/v1".to_owned()),
            command: Some("/bin/sh".to_owned()),
            args: Some(vec![plugin.display().to_string()]),
            ..ExecConfig::default()
        };
        self.kubeconfig.auth_infos[0].auth_info = Some(AuthInfo { exec: Some(exec), ..AuthInfo::default() });
        self
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.folder.path().join("calls")).unwrap()
    }

    /// Returns a call of devctl. The list in KUBECONFIG begins with a missing file.
    fn call(&self, args: &[&str]) -> Call {
        let file = self.folder.path().join("kubeconfig");
        fs::write(&file, serde_json::to_string(&self.kubeconfig).unwrap()).unwrap();
        let list = format!("{}/missing:{}", self.folder.path().display(), file.display());
        let call = Call::new(env!("CARGO_BIN_EXE_devplat-test-devctl")).args(args.iter().copied());
        call.env("KUBECONFIG", list).env("HOME", self.folder.path())
    }
}

#[tokio::test]
async fn missing_file_of_a_kubeconfig_list_is_skipped() {
    let laptop = Laptop::of(&User::new("devctl-list").await);
    laptop.call(&["list"]).run(BOUND).unwrap().expect(0).unwrap();
    let absent = laptop.call(&["list", "--context", "nosuch"]).run(BOUND).unwrap().expect(2).unwrap();
    assert!(absent.stderr.contains("there is no context \"nosuch\""), "{absent:?}");
}

#[tokio::test]
async fn dead_proxy_is_named_and_not_used_for_loopback() {
    let mut laptop = Laptop::of(&User::new("devctl-proxy").await);
    let list = |laptop: &Laptop| {
        let dead = "http://127.0.0.1:1";
        let call = laptop.call(&["list"]).env("HTTPS_PROXY", dead).env("HTTP_PROXY", dead);
        call.run(BOUND).unwrap()
    };
    list(&laptop).expect(0).unwrap();
    // An address that no machine has: https://www.rfc-editor.org/rfc/rfc5737
    let cluster = laptop.kubeconfig.clusters[0].cluster.as_mut().unwrap();
    cluster.server = Some("https://192.0.2.1:6443".to_owned());
    let dead = list(&laptop).expect(3).unwrap();
    let said = "https://192.0.2.1:6443 cannot be reached through proxy http://127.0.0.1:1, from HTTPS_PROXY";
    assert!(dead.stderr.contains(said) && dead.stderr.contains("NO_PROXY"), "{dead:?}");
}

#[tokio::test]
async fn credential_plugin_runs_once_for_many_requests() {
    let user = User::new("devctl-plugin").await;
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": user.token},
    });
    let script = format!("echo signing in >&2\necho '{credential}'");
    let laptop = Laptop::of(&user).with_plugin(&script);
    let ended = laptop.call(&["test-k8s"]).run(BOUND).unwrap().expect(0).unwrap();
    assert!(ended.stderr.contains("signing in"), "{ended:?}");
    assert_eq!(laptop.calls(), "called\n");
}

#[tokio::test]
async fn failing_credential_plugin_is_reported_with_its_exit_status() {
    let user = User::new("devctl-no-plugin").await;
    let laptop = Laptop::of(&user).with_plugin("echo your session has ended >&2; exit 7");
    let ended = laptop.call(&["list"]).run(BOUND).unwrap().expect(3).unwrap();
    for said in [
        "your session has ended\n",
        "error: cannot log in to the API server at https://",
        "because: credential plugin /bin/sh failed: exit status 7\n",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
    assert_eq!(laptop.calls(), "called\n");
}

#[tokio::test]
async fn prompt_runs_verbs_until_exit() {
    let user = User::new("devctl-prompt").await;
    user.says(0, "create mydev");
    let program = env!("CARGO_BIN_EXE_devplat-test-devctl");
    // A terminal whose input comes from a file. As `xterm`, it could report its cursor, but does not.
    for term in ["dumb", "xterm"] {
        let call =
            Call::new("script").args(["-qec", program, "/dev/null"]).input("list\nnosuch\nhelp logs\nexit\n");
        let typed = user.in_bastion(call).env("TERM", term).run(BOUND).unwrap().expect(0).unwrap().stdout;
        for said in ["devctl-prompt> ", "mydev", "unknown verb \"nosuch\"", "Usage: devctl logs"] {
            assert!(typed.contains(said), "{term}: {said}: {typed}");
        }
        assert_eq!(typed.contains("lines cannot be edited here"), term == "xterm", "{typed}");
    }
    // The prompt needs a terminal.
    let nobody = user.call(&[]).run(BOUND).unwrap().expect(2).unwrap();
    assert!(nobody.stderr.contains("the prompt needs a terminal"), "{nobody:?}");
    user.says(0, "delete mydev --force");
}
