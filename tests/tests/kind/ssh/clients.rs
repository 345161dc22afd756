//! Other SSH clients, and programs that use SSH.

use anyhow::Result;

use super::works;

pub(crate) fn files_are_copied_by_scp_sftp_rsync_and_git() -> Result<()> {
    works(
        r#"
        head -c 3000000 /dev/urandom > a
        scp -q -F "$CONFIG" a "demo+box@$NAME:b"
        scp -q -O -F "$CONFIG" "demo+box@$NAME:b" c
        cmp a c
        scp -q -O -F "$CONFIG" a "demo+box@$NAME:d"
        scp -q -F "$CONFIG" "demo+box@$NAME:d" e
        cmp a e
        mkdir -p up/in && echo one > up/1 && echo two > up/in/2
        printf 'put -r up\nrename up/1 up/one\nchmod 600 up/one\nls -l up\nget -r up down\nrm up/one\n' > batch
        sftp -q -F "$CONFIG" -b batch "demo+box@$NAME" > listed
        is "$(cat down/one) $(cat down/in/2)" "one two"
        grep -q -- '-rw-------.*one' listed || fail "$(cat listed)"
        rsync -a -e "ssh -F $CONFIG" up/ "demo+box@$NAME:synced/"
        rsync -a --delete -e "ssh -F $CONFIG" "demo+box@$NAME:synced/" back/
        diff -r up back
        export GIT_SSH_COMMAND="ssh -F $CONFIG" GIT_CONFIG_GLOBAL="$HOME/gitconfig"
        git config --global user.name a; git config --global user.email a@example.com
        git config --global init.defaultBranch main; git config --global protocol.version 2
        box 'git init -q --bare -b main repo.git'
        git init -q work; (cd work; cp ../a .; git add a; git commit -q -m a; git push -q "demo+box@$NAME:repo.git" main)
        git clone -q "demo+box@$NAME:repo.git" cloned
        cmp a cloned/a
        "#,
    )
}

pub(crate) fn home_is_mounted_by_sshfs() -> Result<()> {
    works(
        r#"
        mkdir -p mnt
        sshfs -F "$CONFIG" "demo+box@$NAME:" mnt
        trap 'fusermount -u mnt || fusermount3 -u mnt; cleanup' EXIT
        echo mounted > mnt/by-sshfs
        is "$(box 'cat by-sshfs')" mounted
        head -c 2000000 /dev/urandom > big; cp big mnt/big; cmp big mnt/big
        mv mnt/big mnt/bigger; rm mnt/bigger
        "#,
    )
}

pub(crate) fn paramiko_asyncssh_and_plink_sign_in() -> Result<()> {
    works(
        r#"
        export HOST PORT
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        /usr/bin/python3 - <<'P'
import os, paramiko
c = paramiko.SSHClient(); c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
c.connect(os.environ["HOST"], int(os.environ["PORT"]), "demo+box", key_filename=os.environ["KEY"], look_for_keys=False, allow_agent=False)
_, out, _ = c.exec_command("echo paramiko; exit 5")
assert out.read() == b"paramiko\n" and out.channel.recv_exit_status() == 5
f = c.open_sftp()
with f.open("by-paramiko", "wb") as g: g.write(b"x" * 1000000)
assert f.stat("by-paramiko").st_size == 1000000
f.posix_rename("by-paramiko", "moved"); f.remove("moved"); c.close()
P
        /usr/bin/python3 -W ignore - <<'P'
import asyncio, asyncssh, os
async def main():
    async with asyncssh.connect(os.environ["HOST"], int(os.environ["PORT"]), username="demo+box", client_keys=[os.environ["KEY"]], known_hosts=None) as c:
        r = await c.run("echo asyncssh; exit 6")
        assert r.stdout == "asyncssh\n" and r.exit_status == 6, r
        # Signals in both directions.
        r = await c.run("kill -TERM $$")
        assert r.exit_signal and r.exit_signal[0] == "TERM", r
        p = await c.create_process("trap 'exit 3' USR1; echo ready; while :; do sleep 0.1; done")
        assert await p.stdout.readline() == "ready\n"
        p.send_signal("USR1")
        r = await asyncio.wait_for(p.wait(), 20)
        assert r.exit_status == 3, r
        rs = await asyncio.gather(*(c.run("echo %d" % n) for n in range(20)))
        assert [r.stdout for r in rs] == ["%d\n" % n for n in range(20)]
        async with c.start_sftp_client() as s:
            async with s.open("by-asyncssh", "wb") as f: await f.write(b"y" * 1000000)
            assert (await s.stat("by-asyncssh")).size == 1000000
            await s.remove("by-asyncssh")
asyncio.run(main())
P
        puttygen "$KEY" -o key.ppk -O private
        is "$(plink -batch -P "$PORT" -l demo+box -i key.ppk -hostkey "$(ssh-keyscan -p "$PORT" -t ed25519 "$HOST" 2>/dev/null | ssh-keygen -lf - | cut -d' ' -f2)" "$HOST" 'echo plink')" plink
        "#,
    )
}

pub(crate) fn connections_of_vs_code_work() -> Result<()> {
    // `ssh -T -D PORT host bash` with a script on standard input that starts a server on the pod's loopback and prints
    // its port; then connections to it through the proxy, while the script's session stays open.
    works(
        r#"
        socks=$(free_port)
        mkfifo script answer
        "${ssh[@]}" -T -D "$socks" "demo+box@$NAME" bash < script > answer & started+=($!)
        exec 3> script 4< answer
        cat >&3 <<'S'
mkdir -p .vscode-server && cd .vscode-server && echo served > f
python3 -u -c '
import http.server, sys
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print("listeningOn==%d==" % s.server_address[1], flush=True); s.serve_forever()' 2>/dev/null &
server=$!
S
        read -r -t 15 line <&4
        port=${line#listeningOn==}; port=${port%==}
        is "$(curl -s --socks5-hostname "127.0.0.1:$socks" "http://127.0.0.1:$port/f")" served
        for _ in $(seq 30); do curl -s --socks5-hostname "127.0.0.1:$socks" "http://127.0.0.1:$port/f" >/dev/null & done; wait $(jobs -p | tail -n +2) || true
        echo 'kill $server; exit 0' >&3
        "#,
    )
}

pub(crate) fn ssh_audit_finds_no_failure() -> Result<()> {
    works(
        r#"
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        ssh-audit -n "$HOST:$PORT" > audit || true
        grep -q '(gen) banner' audit || fail "ssh-audit printed no banner: $(cat audit)"
        grep '\[fail\]' audit && fail "see above" || true
        "#,
    )
}
