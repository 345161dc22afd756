//! OpenSSH's own client: all its requests to a server.

use anyhow::Result;

use super::works;

pub(crate) fn commands_run_with_status_streams_and_environment() -> Result<()> {
    works(
        r#"
        is "$(box 'echo out; echo err >&2' 2>err)" out
        is "$(cat err)" err
        box 'exit 7' && fail "status 0" || is $? 7
        box 'kill -TERM $$' && fail "status 0" || is $? 255
        is "$(box 'echo $HOME $DEVSERVER_NAME $DEVSERVER_OWNER $PWD')" "/home/dev box demo /home/dev"
        is "$(LC_TEST=gr\ ü "${ssh[@]}" -o SendEnv=LC_TEST "demo+box@$NAME" 'printf %s "$LC_TEST"')" "gr ü"
        is "$(printf 'a\nb\n' | box 'cat; echo end')" $'a\nb\nend'
        is "$(box -n 'echo "a  b" | tr a-z A-Z')" "A  B"
        # A command that stops reading its input is not an error of the client, which still writes.
        status=0; head -c 30000000 /dev/zero | box 'head -c 10 >/dev/null; exit 5' || status=$?
        is "$status" 5
        "#,
    )
}

pub(crate) fn terminals_have_modes_and_sizes() -> Result<()> {
    works(
        r#"
        # The terminal has 40 lines and 100 columns, and is resized later.
        cat > session.py <<'P'
import os, pty, sys, time, fcntl, termios, struct, select, signal
def size(fd, lines, columns): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.3)
    os.execvp(sys.argv[1], sys.argv[1:])
size(fd, 40, 100)
# Set VINTR to Ctrl-X, to see that the client's modes reach the pod.
modes = termios.tcgetattr(fd); modes[6][termios.VINTR] = b"\x18"; termios.tcsetattr(fd, termios.TCSANOW, modes)
seen = b""
def until(word, bound=20):
    global seen
    end = time.time() + bound
    while word not in seen:
        if time.time() > end: sys.exit("waited for %r, saw %r" % (word, seen))
        if select.select([fd], [], [], 0.2)[0]:
            try: seen += os.read(fd, 65536)
            except OSError: break
    at = seen.find(word)
    if at < 0: sys.exit("ended before %r, saw %r" % (word, seen))
    seen = seen[at + len(word):]
def say(text): os.write(fd, text.encode())
say("stty size; echo mark-$((1+1))\n"); until(b"40 100"); until(b"mark-2")
size(fd, 24, 81); os.kill(pid, signal.SIGWINCH)
time.sleep(0.5)
say("stty size\n"); until(b"24 81")
say("tty; echo $TERM\n"); until(b"/dev/pts/"); until(b"xterm-256color")
say("stty -a\n"); until(b"intr = ^X;")
say("sleep 100\n"); time.sleep(0.5); say("\x18"); say("echo after-$((2+3))\n"); until(b"after-5")
say("exit 3\n")
_, status = os.waitpid(pid, 0)
sys.exit(0 if os.waitstatus_to_exitcode(status) == 3 else "status %r" % status)
P
        python3 session.py "${ssh[@]}" -tt "demo+box@$NAME"
        is "$("${ssh[@]}" -tt "demo+box@$NAME" 'test -t 0 && test -t 1 && echo yes' | tr -d '\r')" yes
        "#,
    )
}

pub(crate) fn ports_and_sockets_are_forwarded_both_ways() -> Result<()> {
    works(
        r#"
        # A server on the pod's loopback is reached by -L, -D and -W.
        box 'mkdir -p www && cd www && echo hello > f && (setsid python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 </dev/null & echo $! > ../www.pid)'
        for _ in $(seq 50); do box 'curl -s -o /dev/null http://127.0.0.1:8123/f' && break; sleep 0.1; done
        port=$(free_port); socks=$(free_port)
        "${ssh[@]}" -N -L "$port:127.0.0.1:8123" -D "$socks" "demo+box@$NAME" & started+=($!)
        await_port "$port"
        is "$(curl -s "http://127.0.0.1:$port/f")" hello
        is "$(curl -s --socks5-hostname "127.0.0.1:$socks" http://localhost:8123/f)" hello
        is "$(printf 'GET /f HTTP/1.0\r\n\r\n' | "${ssh[@]}" -W 127.0.0.1:8123 "demo+box@$NAME" | tail -n 1)" hello
        # -R leads from the pod back to this machine; port 0 allocates a free port.
        here=$(free_port); mkdir -p here && echo back > here/f
        python3 -m http.server "$here" --bind 127.0.0.1 --directory here >/dev/null 2>&1 & started+=($!)
        await_port "$here"
        is "$("${ssh[@]}" -R "9124:127.0.0.1:$here" "demo+box@$NAME" 'curl -s http://127.0.0.1:9124/f')" back
        # With `-O forward`, ssh prints the port and nothing else.
        master=("${ssh[@]}" -o "ControlPath=$HOME/back-%C")
        "${master[@]}" -o ControlMaster=yes -N -f "demo+box@$NAME"
        given=$("${master[@]}" -O forward -R "0:127.0.0.1:$here" "demo+box@$NAME")
        is "$(box "curl -s http://127.0.0.1:$given/f")" back
        "${master[@]}" -O exit "demo+box@$NAME"
        # Unix sockets, in both directions.
        box 'rm -f in.sock; (setsid python3 -c "
import socket
s = socket.socket(socket.AF_UNIX); s.bind(\"in.sock\"); s.listen()
while True:
    c, _ = s.accept(); c.sendall(b\"from the pod\"); c.close()
" >/dev/null 2>&1 </dev/null & echo $! > sock.pid)'
        "${ssh[@]}" -N -L "$HOME/out.sock:/home/dev/in.sock" "demo+box@$NAME" & started+=($!)
        for _ in $(seq 100); do [[ -S out.sock ]] && break; sleep 0.1; done
        is "$(python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("out.sock"); print(s.recv(99).decode())')" "from the pod"
        python3 -c '
import socket
s = socket.socket(socket.AF_UNIX); s.bind("mine.sock"); s.listen()
while True:
    c, _ = s.accept(); c.sendall(b"from here"); c.close()
' & started+=($!)
        for _ in $(seq 100); do [[ -S mine.sock ]] && break; sleep 0.1; done
        is "$("${ssh[@]}" -R "/home/dev/theirs.sock:$HOME/mine.sock" "demo+box@$NAME" 'for i in $(seq 50); do test -S theirs.sock && break; sleep 0.1; done; python3 -c "
import socket
s = socket.socket(socket.AF_UNIX); s.connect(\"theirs.sock\"); print(s.recv(99).decode())"')" "from here"
        box 'kill $(cat www.pid sock.pid)'
        "#,
    )
}

pub(crate) fn one_connection_has_many_sessions_and_an_agent() -> Result<()> {
    works(
        r#"
        master=("${ssh[@]}" -o "ControlPath=$HOME/cm-%C")
        "${master[@]}" -o ControlMaster=yes -N -f -A "demo+box@$NAME"
        for n in $(seq 20); do "${master[@]}" "demo+box@$NAME" "sleep 0.3; echo $n" > "many.$n" & done; wait
        for n in $(seq 20); do is "$(cat "many.$n")" "$n"; done
        "${master[@]}" -O exit "demo+box@$NAME"
        # The pod sees the key of a forwarded agent.
        eval "$(ssh-agent)" >/dev/null; started+=("$SSH_AGENT_PID")
        ssh-keygen -q -t ed25519 -N '' -C forwarded-key -f forwarded
        ssh-add -q forwarded
        "${ssh[@]}" -A "demo+box@$NAME" 'ssh-add -l' | has forwarded-key || fail "no forwarded key"
        box 'ssh-add -l' 2>/dev/null | has forwarded-key && fail "an agent without -A" || true
        "#,
    )
}

pub(crate) fn jump_is_end_to_end_encrypted_with_the_users_own_key() -> Result<()> {
    works(
        r#"
        cat > jump <<C
Include $CONFIG
Host box
  User dev
  IdentityFile $KEY
  IdentitiesOnly yes
  UserKnownHostsFile $KNOWN
  StrictHostKeyChecking yes
C
        is "$(ssh -F jump -o BatchMode=yes -J "demo@$NAME" box 'echo $DEVSERVER_NAME')" box
        # The same with devplat's configuration alone, which sets the user `dev` and the host authority.
        is "$("${ssh[@]}" -G -J "demo@$NAME" box | grep "^user ")" "user dev"
        is "$("${ssh[@]}" -J "demo@$NAME" box 'echo $DEVSERVER_NAME')" box
        is "$("${ssh[@]}" "box.demo.$NAME" 'echo $DEVSERVER_NAME')" box
        # The bastion connects to no other target, such as the API server or a cloud's metadata service.
        for target in kubernetes.default.svc:443 169.254.169.254:80 127.0.0.1:8080; do
            "${ssh[@]}" -W "$target" "demo@$NAME" </dev/null 2>/dev/null && fail "connected to $target" || true
            answer=$(refusal "${target%:*}" "${target##*:}")
            [[ $answer == "1 devplat: through the bastion only the SSH of your own dev servers is reached;"* ]] || fail "$target: $answer"
        done
        "#,
    )
}

pub(crate) fn devctl_answers_over_ssh() -> Result<()> {
    works(
        r#"
        me devctl list -o name | has box
        is "$(me list -o name)" "$(me devctl list -o name)"
        me devctl describe box | has cpu-small
        me flavors | has cpu-medium
        me devctl test-k8s
        # Without a command and a terminal, devctl prints its help.
        me </dev/null | has 'devctl list'
        me help create | has --flavor
        # `devctl exec` passes bytes and exit statuses unchanged.
        head -c 300000 /dev/urandom > packed
        tar c packed | me devctl exec box -- tar x
        box cat packed | cmp - packed
        me "devctl exec box -- sh -c 'echo oops >&2; exit 7'" 2>err && fail "status 0" || is $? 7
        is "$(cat err)" oops
        # `devctl logs` prints the output of the server's own command.
        me "create talk --wait -- sh -c 'echo said; sleep 1000'" >/dev/null
        me logs talk --tail 5 > logged
        grep -qx said logged || fail "$(cat logged)"
        is "$(me logs talk --tail 1 | wc -l)" 1
        me delete talk --force --delete-home >/dev/null
        # The container of devctl has neither the bastion's keys nor its token. The bastion's container shows that the
        # paths are right.
        docker exec "$NAME-control-plane" bash -euc '
            pod=$(crictl pods --state ready --namespace devserver-bastion --label app.kubernetes.io/name=bastion --quiet | head -n 1)
            for container in bastion devctl; do
                root=/proc/$(crictl inspect "$(crictl ps --quiet --pod "$pod" --name "^$container\$")" | jq .info.pid)/root
                for path in run/devctl run/devplat/keys var/run/secrets/kubernetes.io; do
                    if [ -e "$root/$path" ]; then echo "$container: $path"; fi
                done
            done' > found
        is "$(cat found)" $'bastion: run/devctl\nbastion: run/devplat/keys\nbastion: var/run/secrets/kubernetes.io\ndevctl: run/devctl'
        # The prompt works on a dumb terminal, and on one that reports the position of its cursor.
        printf 'list\nexit\n' | TERM=dumb script -qec "${ssh[*]} -tt demo@$NAME" /dev/null | has cpu-small || fail "no prompt"
        python3 - "${ssh[@]}" -tt "demo@$NAME" <<'P'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def until(word, bound=20):
    global seen
    end = time.time() + bound
    while word not in seen:
        if time.time() > end: sys.exit("waited for %r, saw %r" % (word, seen))
        if select.select([fd], [], [], 0.2)[0]:
            try: more = os.read(fd, 65536)
            except OSError: break
            for _ in range(more.count(b"\x1b[6n")): os.write(fd, b"\x1b[1;1R")
            seen += more
    at = seen.find(word)
    if at < 0: sys.exit("ended before %r, saw %r" % (word, seen))
    seen = seen[at + len(word):]
until(b"demo>"); os.write(fd, b"list\r"); until(b"cpu-small"); until(b"demo>")
# Arrow up repeats the last line, and Tab completes a name that the prompt has fetched.
os.write(fd, b"\x1b[A\r"); until(b"cpu-small"); until(b"demo>")
time.sleep(2); os.write(fd, b"describe b\t\r"); until(b"box is ready"); until(b"demo>")
# `ssh box` opens a shell in the dev server; its end returns to the prompt.
os.write(fd, b"ssh box\r"); until(b'#'); os.write(fd, b"echo in-$((40+2)); exit\r"); until(b"in-42"); until(b"demo>")
os.write(fd, b"exit\r")
end = time.time() + 20
while time.time() < end:
    if select.select([fd], [], [], 0.2)[0]:
        try:
            if not os.read(fd, 65536): break
        except OSError: break
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
P
        "#,
    )
}
