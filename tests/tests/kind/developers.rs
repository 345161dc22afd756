//! The page for developers: runs its commands one after the other, as a developer who meets the page's requirements.
//! Sections that a test cannot run are marked in the page, and counted here.

use std::fs;

use anyhow::{Result, ensure};

use crate::{readme::blocks_of, shared::ready, ssh::run};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/developers.md");
/// The mark of a section that a test cannot run.
const BY_HAND: &str = "<!-- by hand: ";

pub(crate) fn every_section_is_run_or_marked() -> Result<()> {
    let text = fs::read_to_string(PAGE)?;
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    let marked: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(BY_HAND)).collect();
    ensure!(
        marked
            == [
                "the line that the platform engineer gives -->",
                "VS Code and JetBrains Gateway -->",
                "the signs of failures -->",
            ],
        "sections that are marked as manual: {marked:?}"
    );
    for section in sections {
        let (runs, by_hand) = (section.contains("\n```sh\n"), section.contains(BY_HAND));
        ensure!(runs != by_hand, "neither or both: {}", section.lines().next().unwrap_or_default());
    }
    Ok(())
}

pub(crate) fn commands_of_the_page_work() -> Result<()> {
    let (commands, config) = (blocks_of(PAGE, "sh")?.concat(), blocks_of(PAGE, "ssh-config")?.concat());
    ensure!(commands.lines().count() > 20 && config.contains("Host mydev\n"), "the page has no commands");
    let typed: String = commands.lines().map(typed).collect();
    let platform = ready()?;
    let ended = run(
        platform,
        &format!("config={}\n{DEVELOPER}\nset -x\n{typed}\nset +x\n{AFTERWARDS}", quoted(&config)),
    )?;
    ended.expect(0).map(|_| ())
}

/// Returns a line as typed by a user who then closes the opened program, with free ports of this machine.
fn typed(line: &str) -> String {
    let bare = line.split("  #").next().unwrap_or_default().trim_end();
    let bare = &bare.replace("https://api.example.com", "\"$API\"");
    if let Some(forward) = ["-L ", "-R ", "-D "].iter().find(|flag| bare.contains(*flag)) {
        return format!("forward {} {}\n", forward.trim(), quoted(bare));
    }
    let words: Vec<&str> = bare.split_whitespace().collect();
    let opens = matches!(words.as_slice(), ["ssh" | "sftp", _] | ["devctl", "ssh", _]);
    if opens { format!("leave {}\n", quoted(bare)) } else { format!("{bare}\n") }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The requirements of the page: a registered key, a known host, and some files.
const DEVELOPER: &str = r#"
host=$(sed -n 's/^ *HostName //p' "$CONFIG"); port=$(sed -n 's/^ *Port //p' "$CONFIG")
engineer=$HOME; export HOME="$HOME/developer"; mkdir -p "$HOME"/{.ssh,bin,src,data}; cd "$HOME"
ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519
HOME=$engineer devplat users add alice --key "$HOME/.ssh/id_ed25519.pub" --output json > added
trap 'cleanup; HOME=$engineer devplat users remove alice --yes >/dev/null 2>&1; rm -rf "$HOME"' EXIT
kubectl wait --for=condition=Ready --timeout=60s devuser/alice >/dev/null
jq -r .ssh.knownHosts added > .ssh/known_hosts
# The configuration of the page, with the address of this bastion. OpenSSH ignores $HOME, so all paths are absolute.
{
    sed "s/^  HostName bastion$/  HostName $host\n  Port $port/; s/\.devplat$/.$NAME/" <<<"$config"
    printf '%s\n' 'Match originalhost bastion' "  HostName $host" "  Port $port" 'Host *' '  IdentitiesOnly yes' \
        "  UserKnownHostsFile $HOME/.ssh/known_hosts" '  StrictHostKeyChecking yes' "  IdentityFile $HOME/.ssh/id_ed25519"
} > .ssh/config
for name in ssh scp sftp; do
    printf '#!/bin/sh\nexec %s -F "%s/.ssh/config" "$@"\n' "$(command -v "$name")" "$HOME" > "bin/$name"; chmod +x "bin/$name"
done
export PATH="$HOME/bin:$PATH"
echo 'print("model")' > model.py; echo one > data/one; echo code > src/code
try() { for _ in $(seq 50); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done; "$@" || fail "$*"; }
try ssh alice@bastion list
API=$(kubectl config view --minify -o 'jsonpath={.clusters[0].cluster.server}')
# Opens a shell, a prompt or sftp on a terminal, and leaves it.
leave() { printf 'exit\n' | TERM=dumb script -qec "$1" /dev/null > left || fail "$1: $(cat left)"; }
# Opens a forward, checks that it reaches the target that the page names, and closes it.
forward() {
    local line=${2/#ssh/} here; here=$(free_port)
    case $1 in
        -L) line=${line/6006:/$here:}; ssh mydev '(setsid python3 -m http.server 6006 >/dev/null 2>&1 </dev/null &)' ;;
        -R) line=${line/localhost:8000/localhost:$here}; python3 -m http.server "$here" --bind 127.0.0.1 >/dev/null 2>&1 & started+=($!) ;;
        -D) line=${line/1080/$here} ;;
    esac
    # shellcheck disable=SC2086
    ssh -M -S "$HOME/ctl" -f -N -o ExitOnForwardFailure=yes $line </dev/null >/dev/null 2>&1
    case $1 in
        -L) try curl -sf "http://localhost:$here/" ;;
        -R) try ssh mydev 'curl -sf http://localhost:8000/' ;;
        -D) try curl -sf --socks5-hostname "localhost:$here" http://localhost:6006/ ;;
    esac
    ssh -S "$HOME/ctl" -O exit mydev 2>/dev/null
}
# The repository has to exist before the page clones it, and the copied files are read before the page unmounts them.
git() { ssh mydev git init -q --bare project.git; command git "$@"; }
fusermount() { cat ~/mydev/model.py ~/mydev/data/one ~/mydev/src/code > brought; command fusermount "$@"; }
"#;

/// Checks of the results.
const AFTERWARDS: &str = r#"
is "$(paste -sd ' ' brought)" 'print("model") one code'
[[ -d project/.git ]] || fail "nothing was cloned"
grep -q 'token:' kubeconfig || fail "no kubeconfig"
is "$(ssh alice@bastion list -o name)" ""
gone() { [[ -z $(ssh alice@bastion homes -o name) ]]; }
try gone
"#;
