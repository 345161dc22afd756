//! Rejected logins and their messages.

use anyhow::Result;

use super::works;
use crate::input::{error_in, said};

pub(crate) fn strangers_learn_nothing() -> Result<()> {
    works(
        r#"
        ssh-keygen -q -t ed25519 -N '' -f stranger
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        since=$(date -u +%FT%TZ)
        # The server's answers, read by paramiko. OpenSSH's client sends neither control characters in a name nor a name
        # of 1 MiB, and the words that it prints differ between its versions.
        cat > answers.py <<'P'
import paramiko, sys
def answer(name, key):
    t = paramiko.Transport((sys.argv[1], int(sys.argv[2]))); t.start_client(timeout=15)
    try: t.auth_publickey(name, paramiko.Ed25519Key(filename=key))
    except (paramiko.SSHException, EOFError) as error: return type(error).__name__ + str(error)
    finally: t.close()
    sys.exit("accepted: %r" % name[:20])
P
        # A user with another key, and a user who does not exist.
        /usr/bin/python3 - "$HOST" "$PORT" <<'P'
import sys
from answers import answer
known, unknown = answer("demo", "stranger"), answer("nobody", "stranger")
if known != unknown or not known.startswith("AuthenticationException"): sys.exit("%s, %s" % (known, unknown))
P
        # Only the audit log distinguishes them.
        for _ in $(seq 50); do
            rejections "$since" > reasons || true
            (($(wc -l < reasons) < 2)) || break
            sleep 0.2
        done
        is "$(cut -d: -f1 reasons | sort)" $'demo\nnobody'
        is "$(cut -d: -f2- reasons | sort -u | wc -l)" 2
        for user in demo nobody; do
            ssh -F /dev/null -p "$PORT" -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile="$KNOWN" -i stranger "$user@$HOST" true 2>/dev/null &&
                fail "accepted $user" || is $? 255
        done
        # With odd names, the user's own key must not help.
        /usr/bin/python3 - "$HOST" "$PORT" "$KEY" <<'P'
import sys
from answers import answer
unknown = answer("nobody", "stranger")
for odd in "de\x07mo", "demo\n", "\x1bdemo", "demo\x00":
    for key in "stranger", sys.argv[3]:
        if answer(odd, key) != unknown: sys.exit("%r: %s, not %s" % (odd, answer(odd, key), unknown))
answer("a" * (1 << 20), sys.argv[3])
P
        is "$(box echo still)" still
        "#,
    )
}

pub(crate) fn half_open_connections_do_not_block_logins() -> Result<()> {
    works(
        r#"
        export HOST PORT
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        ulimit -n 4096
        python3 - <<'P' & started+=($!)
import os, socket, time
held, greeted = [], 0
for n in range(2000):
    s = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), timeout=10); held.append(s)
    # The port forwarder accepts every connection, so count the bastion's greetings.
    greeted += s.recv(15) == b"SSH-2.0-devplat"
    if n == 1500: open("many", "w").close()
with open("held", "w") as f: f.write("%d %d" % (len(held), greeted))
time.sleep(60)
P
        for _ in $(seq 1000); do [[ -e many ]] && break; sleep 0.1; done
        [[ -e many ]] || fail "connections were not opened"
        # While more connections come, and when all are open. As with OpenSSH's MaxStartups, the bastion may drop a login
        # by chance, but not three in a row.
        comes_in() { for _ in 1 2 3; do said=$(box echo in 2>turned) && break; sleep 0.5; done; is "$said" in || fail "$(cat turned)"; }
        comes_in
        for _ in $(seq 300); do [[ -e held ]] && break; sleep 0.1; done
        is "$(cat held)" "2000 2000"
        comes_in
        "#,
    )
}

pub(crate) fn random_bytes_in_place_of_a_handshake_do_no_harm() -> Result<()> {
    works(
        r#"
        export HOST PORT
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        restarts() { kubectl -n devserver-bastion get pods -o 'jsonpath={.items[*].status.containerStatuses[*].restartCount}'; }
        before=$(restarts)
        python3 - <<'P'
import os, random, socket
r = random.Random(4)
for n in range(150):
    try:
        s = socket.create_connection((os.environ["HOST"], int(os.environ["PORT"])), timeout=5)
        if n % 3: s.sendall(b"SSH-2.0-fuzz\r\n")
        s.sendall(r.randbytes(r.choice([1, 16, 200, 5000, 70000]))); s.close()
    except OSError: pass
P
        for n in $(seq 40); do said=$(box echo in 2>/dev/null) && break; sleep 1; done
        is "$said" in
        is "$(restarts)" "$before"
        "#,
    )
}

pub(crate) fn removed_key_ends_sessions_and_logins() -> Result<()> {
    works(
        r#"
        ssh-keygen -q -t ed25519 -N '' -C spare -f spare; ssh-keygen -q -t ed25519 -N '' -C other -f other
        devplat users add carol --key spare.pub --key other.pub
        kubectl wait --for=condition=Ready --timeout=60s devuser/carol >/dev/null
        as() { ssh -F "$CONFIG" -o BatchMode=yes -o IdentitiesOnly=yes -i "$1" "carol@$NAME" "${@:2}"; }
        for _ in $(seq 50); do as spare list >/dev/null 2>&1 && break; sleep 0.2; done
        as spare list >/dev/null
        # A session stays open until its key is removed.
        ssh -F "$CONFIG" -o BatchMode=yes -o IdentitiesOnly=yes -i spare -N "carol@$NAME" & session=$!; started+=($session)
        sleep 2
        kill -0 "$session" || fail "the session did not stay"
        devplat users add carol --key other.pub
        for _ in $(seq 100); do kill -0 "$session" 2>/dev/null || break; sleep 0.1; done
        kill -0 "$session" 2>/dev/null && fail "the session is still open after 10 s" || true
        as spare list 2>/dev/null && fail "accepted a removed key" || true
        as other list >/dev/null
        devplat users remove carol --yes
        for _ in $(seq 50); do as other list >/dev/null 2>&1 || break; sleep 0.2; done
        as other list 2>/dev/null && fail "accepted a removed user" || true
        "#,
    )
}

pub(crate) fn unusable_servers_report_the_reason() -> Result<()> {
    works(
        r#"
        me devctl create broken --image registry.invalid/none:1 >/dev/null
        "${ssh[@]}" "demo+broken@$NAME" true 2>said && fail "accepted" || true
        # OpenSSH's own errors contain the server's name as well, so match the reason.
        grep -qE '"broken" (cannot start|is not ready yet): ' said || fail "$(cat said)"
        # An image without a shell: the login works, and the agent reports the missing shell.
        agent=$(kubectl -n devserver-operator-system get deployment devserver-operator -o 'jsonpath={.spec.template.spec.containers[0].env[?(@.name=="DEVPLAT_AGENT_IMAGE")].value}')
        me devctl create bare --image "$agent" --wait >/dev/null
        "${ssh[@]}" "demo+bare@$NAME" true 2>said && fail "status 0" || is $? 127
        grep -q 'no shell' said || fail "$(cat said)"
        me devctl delete broken --force --delete-home; me devctl delete bare --force --delete-home
        # A killed PID 1 restarts the container, and the home keeps its files.
        box 'echo kept > kept; kill -9 -1' || true
        pod=$(kubectl -n dev-demo get pods -l devserver=box -o name)
        kubectl -n dev-demo exec "$pod" -- sh -c 'kill -TERM 1' >/dev/null 2>&1 || true
        for _ in $(seq 100); do said=$(box cat kept 2>/dev/null) && break; sleep 0.3; done
        is "$said" kept
        "#,
    )
}

pub(crate) fn file_that_is_not_a_key_is_rejected() -> Result<()> {
    let platform = super::boxed()?;
    let file = platform.home().join("no-key");
    std::fs::write(&file, "# mine\nhello\n")?;
    let ended = platform.run(&["users", "add", "dave", "--key", &file.display().to_string()])?.expect(2)?;
    said(platform, "not a key", &error_in(&ended.stderr));
    Ok(())
}

pub(crate) fn full_home_does_not_block_logins() -> Result<()> {
    works(
        r#"
        node="$NAME-control-plane"
        me devctl create full --wait >/dev/null
        volume=$(kubectl -n dev-demo get pvc full-home -o 'jsonpath={.spec.volumeName}')
        path=$(kubectl get pv "$volume" -o 'jsonpath={.spec.hostPath.path}{.spec.local.path}')
        # Mount a volume of 1 MiB in place of the home, for the next start of the pod.
        docker exec "$node" mount -t tmpfs -o size=1m,mode=777 none "$path"
        trap 'docker exec "$node" umount -l "$path" || true; cleanup' EXIT
        kubectl -n dev-demo delete pods -l devserver=full --wait >/dev/null
        full() { "${ssh[@]}" "demo+full@$NAME" "$@"; }
        for _ in $(seq 100); do full true 2>/dev/null && break; sleep 0.3; done
        full 'head -c 5000000 /dev/zero > fill' 2>said && fail "5 MB fit into 1 MiB" || true
        grep -q 'No space left' said || fail "$(cat said)"
        is "$(full 'echo in')" in
        echo more > more
        scp -q -F "$CONFIG" more "demo+full@$NAME:more" 2>said && [[ $(full 'cat more') == more ]] && fail "more fit" || true
        full 'rm fill'
        scp -q -F "$CONFIG" more "demo+full@$NAME:more"
        is "$(full 'cat more')" more
        me devctl delete full --force --delete-home >/dev/null
        "#,
    )
}
