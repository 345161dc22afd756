//! Heavy load: a GiB each way, many channels, many sessions.

use std::time::Duration;

use anyhow::Result;

use super::works_within;

/// Alone, each takes about a minute on two cores; beside other tests it has taken more than five.
const BOUND: Duration = Duration::from_mins(20);

pub(crate) fn gib_each_way_is_intact_beside_busy_channels() -> Result<()> {
    works_within(
        BOUND,
        r#"
        master=("${ssh[@]}" -o "ControlPath=$HOME/bulk-%C")
        "${master[@]}" -o ControlMaster=yes -N -f "demo+box@$NAME"
        # One channel is never read. 50 others stream numbered lines, 320 kB/s each; numbers.py checks each line and
        # keeps its number.
        mkfifo stuck; "${master[@]}" "demo+box@$NAME" 'cat /dev/zero' > stuck & started+=($!)
        exec 5< stuck
        talk='python3 -c "import sys, time
for n in range(10000): print(n, 16000 * chr(120), flush=True); time.sleep(0.05)"'
        cat > numbers.py <<'P'
import sys
for line in sys.stdin.buffer:
    number, rest = line.split(b" ")
    if rest != 16000 * b"x" + b"\n": sys.exit("damaged: %r" % rest)
    print(number.decode(), flush=True)
P
        for n in $(seq 50); do "${master[@]}" "demo+box@$NAME" "$talk" > >(exec python3 numbers.py > "talk.$n" 2> "talk.$n.said") & started+=($!); done
        for n in $(seq 50); do for _ in $(seq 600); do [[ -s talk.$n ]] && break; sleep 0.1; done; [[ -s talk.$n ]] || fail "channel $n is silent"; done
        counts() { for n in $(seq 50); do wc -l < "talk.$n"; done; }
        # Each channel received at least LINES lines since the counts BEFORE.
        went_on() { # LINES BEFORE
            paste <(cat <<<"$2") <(counts) | awk -v lines="$1" '$2 - $1 < lines { print "channel " NR ": " $1 " and then " $2; bad = 1 } END { exit bad }' || fail "a channel is stuck"
        }
        # Both sides generate the same bytes from a key, so that no file holds them.
        stream='openssl enc -aes-128-ctr -nosalt -pass pass:devplat -pbkdf2 < /dev/zero 2>/dev/null | head -c 1073741824'
        want=$(bash -c "$stream" | sha256sum)
        # The channels go on during the upload, during the download and afterwards.
        before=$(counts); is "$(bash -c "$stream" | "${master[@]}" "demo+box@$NAME" sha256sum)" "$want"; went_on 20 "$before"
        before=$(counts); is "$("${master[@]}" "demo+box@$NAME" "$stream" | sha256sum)" "$want"; went_on 20 "$before"
        before=$(counts); sleep 2; went_on 5 "$before"
        # No line was lost.
        for n in $(seq 50); do
            awk '$1 != NR - 1 { exit 1 }' "talk.$n" && [[ ! -s talk.$n.said ]] || fail "channel $n: $(cat "talk.$n.said")"
        done
        "${master[@]}" -O exit "demo+box@$NAME"
        "#,
    )
}

pub(crate) fn thousands_of_short_commands_work() -> Result<()> {
    works_within(
        BOUND,
        r#"
        for m in 1 2 3 4; do "${ssh[@]}" -o "ControlPath=$HOME/short-$m" -o ControlMaster=yes -N -f "demo+box@$NAME"; done
        for m in 1 2 3 4; do
            (for n in $(seq 200); do
                said=$("${ssh[@]}" -o "ControlPath=$HOME/short-$m" "demo+box@$NAME" "echo $m.$n") || exit 1
                [[ $said == "$m.$n" ]] || { echo "got '$said', not $m.$n" >&2; exit 1; }
            done) & pids[m]=$!
        done
        # asyncssh needs no process per command, so it runs most of them.
        export HOST PORT
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        /usr/bin/python3 -W ignore - <<'P'
import asyncio, asyncssh, os
async def many(c, m):
    for n in range(500):
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
