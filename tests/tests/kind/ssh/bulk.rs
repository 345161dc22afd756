//! Much at once: a GiB each way, many channels, many sessions.

use anyhow::Result;

use super::works;

pub(crate) fn a_gib_goes_each_way_unharmed_while_other_channels_are_busy() -> Result<()> {
    works(
        r#"
        master=("${ssh[@]}" -o "ControlPath=$HOME/bulk-%C")
        "${master[@]}" -o ControlMaster=yes -N -f "demo+box@$NAME"
        # One channel that nobody drains, and 50 that talk all the time.
        mkfifo stuck; "${master[@]}" "demo+box@$NAME" 'cat /dev/zero' > stuck & started+=($!)
        exec 5< stuck
        talk='python3 -uc "import time
for n in range(10000): print(n); time.sleep(0.05)"'
        for n in $(seq 50); do "${master[@]}" "demo+box@$NAME" "$talk" > "talk.$n" & started+=($!); done
        for n in $(seq 50); do for _ in $(seq 300); do [[ -s talk.$n ]] && break; sleep 0.1; done; [[ -s talk.$n ]] || fail "channel $n is silent"; done
        # The same bytes on both sides, made from a key, so that nobody stores them.
        stream='openssl enc -aes-128-ctr -nosalt -pass pass:devplat -pbkdf2 < /dev/zero 2>/dev/null | head -c 1073741824'
        want=$(bash -c "$stream" | sha256sum)
        is "$(bash -c "$stream" | "${master[@]}" "demo+box@$NAME" sha256sum)" "$want"
        is "$("${master[@]}" "demo+box@$NAME" "$stream" | sha256sum)" "$want"
        # They went on all the while.
        for n in 1 25 50; do before=$(tail -n 1 "talk.$n"); sleep 0.5; [[ $(tail -n 1 "talk.$n") != "$before" ]] || fail "channel $n stands still"; done
        "${master[@]}" -O exit "demo+box@$NAME"
        "#,
    )
}

pub(crate) fn short_commands_come_by_the_thousand() -> Result<()> {
    works(
        r#"
        for m in 1 2 3 4; do "${ssh[@]}" -o "ControlPath=$HOME/short-$m" -o ControlMaster=yes -N -f "demo+box@$NAME"; done
        for m in 1 2 3 4; do
            (for n in $(seq 500); do
                said=$("${ssh[@]}" -o "ControlPath=$HOME/short-$m" "demo+box@$NAME" "echo $m.$n") || exit 1
                [[ $said == "$m.$n" ]] || { echo "got '$said', not $m.$n" >&2; exit 1; }
            done) & pids[m]=$!
        done
        # Most come from a client that needs no process for each.
        export HOST PORT
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        /usr/bin/python3 -W ignore - <<'P'
import asyncio, asyncssh, os
async def many(c, m):
    for n in range(1000):
        r = await c.run("echo %s.%d" % (m, n))
        assert r.stdout == "%s.%d\n" % (m, n) and r.exit_status == 0, r
async def main():
    async with asyncssh.connect(os.environ["HOST"], int(os.environ["PORT"]), username="demo+box", client_keys=[os.environ["KEY"]], known_hosts=None) as c:
        await asyncio.gather(*(many(c, m) for m in "abcdefgh"))
asyncio.run(main())
P
        for m in 1 2 3 4; do wait "${pids[m]}" || fail "connection $m"; done
        for m in 1 2 3 4; do "${ssh[@]}" -o "ControlPath=$HOME/short-$m" -O exit "demo+box@$NAME"; done
        "#,
    )
}
