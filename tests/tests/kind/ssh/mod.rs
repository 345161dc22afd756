//! Real, unmodified SSH clients that connect through the bastion to a dev server.

pub(crate) mod bulk;
pub(crate) mod certificates;
pub(crate) mod clients;
pub(crate) mod laptop;
pub(crate) mod logins;
pub(crate) mod network;
pub(crate) mod openssh;
pub(crate) mod outage;
pub(crate) mod restart;

use std::{sync::OnceLock, time::Duration};

use anyhow::{Result, anyhow, ensure};
use devplat_tests::{
    call::Ended,
    platform::{Platform, on_path},
};

use crate::shared::{LONG, ready};

/// The beginning of every script. `box` runs a command in the dev server, `me` runs devctl, `node` runs one in the kind
/// node.
const PRELUDE: &str = r#"
set -euo pipefail
cd "$HOME"
# Without the client's own warnings, which differ between versions: standard error is compared with the server's words.
ssh=(ssh -F "$CONFIG" -o BatchMode=yes -o ConnectTimeout=15 -o LogLevel=ERROR)
box() { "${ssh[@]}" "demo+box@$NAME" "$@"; }
me() { "${ssh[@]}" "demo@$NAME" "$@"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
is() { [[ $1 == "$2" ]] || fail "got '$1', not '$2'"; }
# Succeeds if stdin contains a word. It reads all of stdin, because the writer to a closed pipe fails, and with `pipefail`
# so does the pipeline.
has() { local all; all=$(cat); [[ $all == *"$1"* ]]; }
# Prints a free port of this machine.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Waits up to 10 s for a port of this machine.
await_port() { for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done; fail "no process listens on $1"; }
# Prints the user and the reason of each login that the bastion rejected since a time, from its audit log.
rejections() { # SINCE
    kubectl -n devserver-bastion logs -l app.kubernetes.io/name=bastion -c bastion --tail=-1 --since-time="$1" |
        jq -rR 'fromjson? | objects | select(.event == "refused") | "\(.user): \(.why)"'
}
# Prints reason code and description with which the bastion rejects the channel that `ssh -J` and `ssh -W` open. OpenSSH
# prints them in words of its own; asyncssh returns both.
refusal() { # HOST PORT
    local host port
    host=$(sed -n 's/^ *HostName //p' "$CONFIG"); port=$(sed -n 's/^ *Port //p' "$CONFIG")
    /usr/bin/python3 -W ignore - "$host" "$port" "$KEY" "$@" <<'P'
import asyncio, asyncssh, sys
bastion, port, key, host, target = sys.argv[1:]
async def main():
    async with asyncssh.connect(bastion, int(port), username="demo", client_keys=[key], known_hosts=None) as c:
        try: await c.open_connection(host, int(target))
        except asyncssh.ChannelOpenError as error: return print(error.code, error.reason)
        sys.exit("connected to %s:%s" % (host, target))
asyncio.run(main())
P
}
# Ends the processes that the script started, also if it fails.
started=()
cleanup() { for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done; wait 2>/dev/null || true; }
trap cleanup EXIT
"#;

/// Returns the platform, with a dev server `box` of user `demo`.
pub(crate) fn boxed() -> Result<&'static Platform> {
    static MADE: OnceLock<Result<&'static Platform, String>> = OnceLock::new();
    let made = MADE.get_or_init(|| make().map_err(|error| format!("{error:#}")));
    made.clone().map_err(|message| anyhow!(message))
}

fn make() -> Result<&'static Platform> {
    let platform = ready()?;
    let made = run(platform, "me devctl create box --flavor cpu-small --wait")?;
    ensure!(made.status == Some(0), "{made:?}");
    Ok(platform)
}

/// Runs a script after [`PRELUDE`].
pub(crate) fn run(platform: &Platform, script: &str) -> Result<Ended> {
    run_within(LONG, platform, script)
}

fn run_within(bound: Duration, platform: &Platform, script: &str) -> Result<Ended> {
    let call = platform
        .call(on_path("bash")?)?
        .env("CONFIG", platform.state().join("ssh/config"))
        .env("KEY", platform.state().join("ssh/demo.key"))
        .env("KNOWN", platform.state().join("ssh/known_hosts"))
        .env("NAME", &platform.name)
        .env("KUBECONFIG", platform.kubeconfig())
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8")
        .args(["-c", &format!("{PRELUDE}\n{script}")]);
    call.run(bound)
}

/// Runs a script that must succeed.
pub(crate) fn works(script: &str) -> Result<()> {
    works_within(LONG, script)
}

/// Runs a script that must succeed. `bound` only ends a script that hangs, so it is several times of what the slowest
/// machine needs.
fn works_within(bound: Duration, script: &str) -> Result<()> {
    run_within(bound, boxed()?, script)?.expect(0).map(|_| ())
}
