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
        for n in $(seq 50); do "${master[@]}" "demo+box@$NAME" 'for i in $(seq 1000); do echo $i; sleep 0.05; done' > /dev/null & started+=($!); done
        # The same bytes on both sides, made from a key, so that nobody stores them.
        stream() { openssl enc -aes-128-ctr -nosalt -pass pass:devplat -pbkdf2 < /dev/zero 2>/dev/null | head -c 1073741824; }
        want=$(stream | sha256sum || true)
        is "$( (stream || true) | "${master[@]}" "demo+box@$NAME" sha256sum)" "$want"
        box 'python3 -c "
import hashlib, sys
block = hashlib.sha256(b\"devplat\").digest() * 2048
for _ in range(16384): sys.stdout.buffer.write(block)"' > /dev/null
        want=$(python3 -c 'import hashlib
block = hashlib.sha256(b"devplat").digest() * 2048
h = hashlib.sha256()
for _ in range(16384): h.update(block)
print(h.hexdigest() + "  -")')
        is "$("${master[@]}" "demo+box@$NAME" 'python3 -c "
import hashlib, sys
block = hashlib.sha256(b\"devplat\").digest() * 2048
for _ in range(16384): sys.stdout.buffer.write(block)"' | sha256sum)" "$want"
        "${master[@]}" -O exit "demo+box@$NAME"
        "#,
    )
}

pub(crate) fn short_commands_come_by_the_thousand() -> Result<()> {
    works(
        r#"
        master=("${ssh[@]}" -o "ControlPath=$HOME/short-%C")
        for m in 1 2 3 4; do "${ssh[@]}" -o "ControlPath=$HOME/short-$m" -o ControlMaster=yes -N -f "demo+box@$NAME"; done
        for m in 1 2 3 4; do
            (for n in $(seq 2500); do
                said=$("${ssh[@]}" -o "ControlPath=$HOME/short-$m" "demo+box@$NAME" "echo $m.$n") || exit 1
                [[ $said == "$m.$n" ]] || { echo "got '$said', not $m.$n" >&2; exit 1; }
            done) & pids[m]=$!
        done
        for m in 1 2 3 4; do wait "${pids[m]}" || fail "connection $m"; done
        for m in 1 2 3 4; do "${ssh[@]}" -o "ControlPath=$HOME/short-$m" -O exit "demo+box@$NAME"; done
        "#,
    )
}
