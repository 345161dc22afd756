//! The changes of `quickstart` and `check` to a machine, as far as a test can run without changing one.

use std::fs;

use anyhow::{Result, ensure};
use devplat_tests::platform::on_path;

use crate::shared::{LONG, platform};

const MACHINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bootstrap/machine.sh");

/// Stand-ins for an engine that only members of its group may use, and for the administrator's commands.
const STAND_INS: &str = r#"
mkdir -p "$HOME/stand-ins" "$HOME/joining/elsewhere"
docker='[[ -e $HOME/joined ]]'
sg='touch "$HOME/joined"; [[ $1 == docker && $2 == -c ]]; exec bash -c "$3"'
for one in docker sg usermod sudo; do printf '#!/usr/bin/env bash\n%s\n' "${!one:-true}" > "$HOME/stand-ins/$one"; done
chmod +x "$HOME"/stand-ins/*
cat > "$HOME/joining/begin" <<'B'
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"
invoked_with=("$@")
. "$MACHINE"
# Root may write to every socket; `program/joining.rs` has the real look.
socket_is_closed() { [[ ! -e $HOME/joined ]]; }
need_docker
printf '%s|' "$@"
compgen -e DEVPLAT_
B
chmod +x "$HOME/joining/begin"
PATH=$HOME/stand-ins:$PATH
cd "$HOME/joining/elsewhere"
compgen -e DEVPLAT_ > "$HOME/before"
bash ../begin --quick 'two words'
"#;

/// devplat reads every variable `DEVPLAT_…` as a value of the profile, so the script must not leave any.
pub(crate) fn script_continues_after_the_user_joins_the_docker_group() -> Result<()> {
    let platform = platform()?;
    let script = format!("set -euo pipefail\n{STAND_INS}");
    let ended = platform
        .call(on_path("bash")?)?
        .env("MACHINE", MACHINE)
        .args(["-c", &script])
        .run(LONG)?
        .expect(0)?;
    let before = fs::read_to_string(platform.home().join("before"))?;
    ensure!(ended.stderr.contains("joining the group docker"), "{}", ended.stderr);
    ensure!(ended.stdout == format!("--quick|two words|{before}"), "{}", ended.stdout);
    Ok(())
}
