//! devctl on a developer's machine: it runs the system's `ssh`, with the configuration that devplat wrote.

use anyhow::Result;

use super::works;

/// Makes `ssh` read that configuration. `ssh` finds `~/.ssh/config` without HOME, so an `Include` there cannot be
/// tested.
const LAPTOP: &str = r#"
mkdir -p laptop/bin laptop/.config/devctl; cp "$(command -v devctl)" laptop/bin/devctl
printf '#!/bin/sh\nexec %s -F "%s" "$@"\n' "$(command -v ssh)" "$CONFIG" > laptop/bin/ssh; chmod +x laptop/bin/ssh
laptop() { env -i HOME="$HOME/laptop" PATH="$HOME/laptop/bin:$PATH" TERM="$TERM" "$@"; }
"#;

pub(crate) fn devctl_on_a_laptop_connects_to_the_dev_server() -> Result<()> {
    works(&format!(
        r#"{LAPTOP}
        # Without a configuration, devctl reports that it does not know the bastion.
        laptop devctl ssh box -- true 2>said && fail "led nowhere" || is $? 2
        grep -q 'where is the bastion' said && grep -q 'config.yaml' said || fail "$(cat said)"
        laptop devctl --host "$NAME" ssh box -- true 2>said && fail "connected without a user" || true
        printf 'host: %s\nuser: demo\n' "$NAME" > laptop/.config/devctl/config.yaml
        # Output, errors and status are the command's; on pipes there is no terminal.
        is "$(laptop devctl ssh box -- 'echo $DEVSERVER_NAME; echo oops >&2; test -t 0 || exit 7' 2>err || echo $?)" $'box\n7'
        is "$(cat err)" oops
        is "$(laptop devctl exec box -- printf '<%s>' 'a b' '$HOME' "it's")" "<a b><\$HOME><it's>"
        head -c 300000 /dev/urandom > piped
        laptop devctl exec box -- sh -c 'cat > "$HOME/piped"' < piped
        laptop devctl exec box -- cat piped | cmp - piped
        # On a terminal, devctl without a command opens a shell; with --tty a command gets a terminal as well.
        printf 'test -t 0 && echo in-$((40+2))\nexit\n' | laptop script -qec 'devctl ssh box' /dev/null > seen
        grep -q in-42 seen || fail "$(cat seen)"
        laptop script -qec "devctl ssh --tty box -- 'test -t 1 && echo on-a-terminal'" /dev/null > seen </dev/null
        grep -q on-a-terminal seen || fail "no terminal: $(cat seen)"
        # The bastion reports a dev server that does not exist.
        laptop devctl ssh nosuch -- true 2>said && fail "accepted" || true
        grep -q 'no dev server "nosuch"' said || fail "$(cat said)"
        "#
    ))
}

pub(crate) fn devctl_on_a_laptop_uses_the_bastions_kubeconfig() -> Result<()> {
    works(&format!(
        r#"{LAPTOP}
        api=$(kubectl config view --minify -o 'jsonpath={{.clusters[0].cluster.server}}')
        laptop devctl --host "$NAME" --user demo kubeconfig --server "$api" > laptop/kubeconfig
        grep -q '^# The token in it ends' laptop/kubeconfig || fail "$(cat laptop/kubeconfig)"
        asks() {{ laptop env KUBECONFIG="$HOME/laptop/kubeconfig" devctl "$@"; }}
        is "$(asks list -o name)" "$(me list -o name)"
        [[ $(asks info) == *demo* ]] || fail "$(asks info)"
        [[ $(asks describe box) == *cpu-small* ]] || fail "$(asks describe box)"
        asks test-k8s >/dev/null
        # The user sees only her own namespace.
        asks --namespace kube-system list 2>said && fail "sees others" || true
        grep -qi 'may not\|forbidden\|allow' said || fail "$(cat said)"
        # Without --user, `devctl ssh` takes the user's name from the kubeconfig.
        is "$(asks --host "$NAME" ssh box -- echo in)" in
        # No log of the platform contains that token or a private key.
        logs() {{ kubectl -n "$1" logs -l "$2" --all-containers --tail=-1 --prefix; }}
        logs devserver-bastion app.kubernetes.io/name=bastion > bastion.log
        logs devserver-operator-system app.kubernetes.io/name=devserver-operator > operator.log
        logs dev-demo devserver=box > agent.log
        grep -q '"event":"login"' bastion.log || fail "the bastion logged no login"
        [[ -s operator.log && -s agent.log ]] || fail "an empty log"
        grep -E 'eyJ|PRIVATE KEY' bastion.log operator.log agent.log && fail "a secret, see above" || true
        grep -q eyJ laptop/kubeconfig || fail "tokens have another format: the search above proves nothing"
        "#
    ))
}
