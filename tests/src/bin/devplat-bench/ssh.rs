//! Measures SSH through bastion and agent beside OpenSSH's own sshd in the same container, without a bastion.

use std::{fs, time::Duration};

use anyhow::{Context, Result, bail};
use devplat_tests::{
    platform::{Platform, on_path},
    port,
};

use crate::{
    figure::{Figure, Series},
    image,
    output::say,
};

/// A limit that no step here ever reached.
const LONG: Duration = Duration::from_mins(15);
/// The port of the node that leads to sshd.
const SSHD: u16 = 30999;

/// The beginning of each script. `ours` connects through the bastion, `theirs` directly to sshd; `seconds` runs and
/// times a command.
const PRELUDE: &str = r#"
set -euo pipefail
cd "$HOME"
common=(-o BatchMode=yes -o ConnectTimeout=15 -c aes256-gcm@openssh.com)
plain=(-i sshd.key -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR)
ours() { ssh -F "$CONFIG" "${common[@]}" "demo+box@$NAME" "$@"; }
me() { ssh -F "$CONFIG" "${common[@]}" "demo@$NAME" "$@"; }
theirs() { ssh "${common[@]}" "${plain[@]}" -p "$SSHD" root@127.0.0.1 "$@"; }
# A step before each measurement, which is not part of the measured time.
clear_away() { :; }
seconds() { clear_away; local t=$EPOCHREALTIME; "$@"; local e=$EPOCHREALTIME; awk -v a="$t" -v b="$e" 'BEGIN { printf "%.4f\n", b - a }' >&3; }
# Processor seconds of all processes of a name in the node.
cpu() { docker exec "$NAME-control-plane" sh -c "for p in \$(pgrep -x '$1'); do cut -d' ' -f14,15 /proc/\$p/stat; done" | awk '{ t += $1 + $2 } END { printf "%.2f\n", t / 100 }'; }
# Their resident memory, in KiB.
rss() { docker exec "$NAME-control-plane" sh -c "for p in \$(pgrep -x '$1'); do sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/\$p/status; done" | awk '{ t += $1 } END { print t }'; }
"#;

/// Installs Debian's OpenSSH server in the dev server and starts it.
const INSTALL_SSHD: &str = r#"
mkdir -p debs sshd-files && cd debs
apt-get download -q openssh-server libwrap0 libnsl2 libtirpc3 libtirpc-common openssh-sftp-server >/dev/null
for deb in *.deb; do dpkg -x "$deb" ../sshd-files; done
cd ..
ssh-keygen -q -t ed25519 -N '' -f sshd.key <<< y >/dev/null
ssh-keygen -q -t ed25519 -N '' -f sshd-files/host <<< y >/dev/null
cp sshd.key.pub sshd-files/authorized
tar -C sshd-files -cf - . | ours 'mkdir -p /opt/sshd && tar -C /opt/sshd -xf -'
ours 'set -e
grep -q ^sshd: /etc/passwd || echo "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin" >> /etc/passwd
mkdir -p /run/sshd; chmod 755 /opt/sshd /run/sshd; chmod 600 /opt/sshd/host; chown -R root:root /opt/sshd
for port in 2022 2023; do
LD_LIBRARY_PATH=$(find /opt/sshd -name "*.so*" -exec dirname {} + | sort -u | tr "\n" :) /opt/sshd/usr/sbin/sshd -f /dev/null -p $port -h /opt/sshd/host \
  -o PermitRootLogin=yes -o AuthorizedKeysFile=/opt/sshd/authorized -o StrictModes=no -o UsePAM=no -o MaxStartups=1000 -o PidFile=none \
  -o PerSourcePenalties=no -o "Subsystem=sftp /opt/sshd/usr/lib/openssh/sftp-server" 2>/dev/null ||
LD_LIBRARY_PATH=$(find /opt/sshd -name "*.so*" -exec dirname {} + | sort -u | tr "\n" :) /opt/sshd/usr/sbin/sshd -f /dev/null -p $port -h /opt/sshd/host \
  -o PermitRootLogin=yes -o AuthorizedKeysFile=/opt/sshd/authorized -o StrictModes=no -o UsePAM=no -o MaxStartups=1000 -o PidFile=none \
  -o "Subsystem=sftp /opt/sshd/usr/lib/openssh/sftp-server"
done'
kubectl apply -f - >/dev/null <<Y
{apiVersion: v1, kind: Service, metadata: {name: bench-sshd, namespace: dev-demo}, spec: {type: NodePort, selector: {devserver: box}, ports: [{port: 2022, nodePort: 30999}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: bench-sshd, namespace: dev-demo}, spec: {podSelector: {matchLabels: {devserver: box}}, policyTypes: [Ingress], ingress: [{ports: [{port: 2022}]}]}}
Y
for n in $(seq 50); do theirs true && break; sleep 0.2; done
theirs true
"#;

/// Measures each pair `runs` times.
pub(crate) fn measure(runs: usize) -> Result<Vec<Figure>> {
    let platform = Platform::new("bench-ssh")?;
    let [sshd] = port::free()?;
    let profile = platform.home().join("bench.yaml");
    fs::write(
        &profile,
        format!(
            "extends: kind\ncluster:\n  kind:\n    portMappings:\n      - {{hostPort: {}, nodePort: {SSHD}}}\n",
            sshd.port()
        ),
    )?;
    let up = ["up", "--profile", &profile.display().to_string(), "--yes"];
    platform.devplat(&up)?.run(LONG)?.expect(0)?;
    let bench = Bench { platform: &platform, sshd: sshd.port(), runs };
    let figures = bench.all();
    platform.run(&["destroy", "--yes"])?.expect(0)?;
    figures
}

struct Bench<'a> {
    platform: &'a Platform,
    sshd: u16,
    runs: usize,
}

impl Bench<'_> {
    fn all(&self) -> Result<Vec<Figure>> {
        // The first dev server needs a new home and an image that no cache has, so it is not measured.
        self.script("me create box --flavor cpu-medium --wait >/dev/null")?;
        // First, because later sessions would reuse the freed memory of earlier ones.
        let idle_sessions = self.idle_sessions()?;
        self.script(INSTALL_SSHD)?;
        let mut all = vec![
            self.ratio("`ssh` and `true`, through bastion and agent, over a direct login to sshd", "at most 1.0", false, "ours true", "theirs true", "")?,
            self.ratio("1 GiB down, bastion and agent, over direct sshd (throughput)", "at least 0.8", true, "eval 'ours \"head -c 1073741824 /dev/zero\" > /dev/null'", "eval 'theirs \"head -c 1073741824 /dev/zero\" > /dev/null'", "")?,
            self.ratio("1 GiB up, bastion and agent, over direct sshd (throughput)", "at least 0.8", true, "eval 'head -c 1073741824 /dev/zero | ours \"cat > /dev/null\"'", "eval 'head -c 1073741824 /dev/zero | theirs \"cat > /dev/null\"'", "")?,
            self.ratio("1 GiB down by `ssh -J` through the bastion, over `ssh -J` through one sshd to another (throughput)", "at least 1.2", true, "eval 'ssh -F jump.ours \"${common[@]}\" target \"head -c 1073741824 /dev/zero\" > /dev/null'", "eval 'ssh -F jump.theirs \"${common[@]}\" target \"head -c 1073741824 /dev/zero\" > /dev/null'", JUMPS)?,
            self.ratio("sftp of 10,000 small files up and down, over OpenSSH's sftp-server on the same way (speed)", "at least 1.0", true, "sftp_small ours", "sftp_small server", SFTP)?,
            self.ratio("sftp of 1 GiB up and down, over OpenSSH's sftp-server on the same way (speed)", "at least 1.0", true, "sftp_big ours", "sftp_big server", SFTP)?,
            self.ratio("sftp of 10,000 small files up and down, bastion and agent, over direct sshd with its sftp-server (speed)", "at least 1.0", true, "sftp_small ours", "sftp_small theirs", SFTP)?,
            self.ratio("sftp of 1 GiB up and down, bastion and agent, over direct sshd with its sftp-server (speed)", "at least 1.0", true, "sftp_big ours", "sftp_big theirs", SFTP)?,
        ];
        all.push(self.number("CPU of the bastion for a GiB relayed", "at most 1.5 s", "s", CPU_A_GIB)?);
        all.push(self.number(
            "`ssh demo@host devctl list`",
            "at most 0.3 s",
            "s",
            "seconds me devctl list > /dev/null",
        )?);
        all.push(self.number("handshakes a second and core, over sshd's", "at least 10", "", HANDSHAKES)?);
        all.extend(idle_sessions);
        all.push(self.number(
            "DevServer created until first byte over SSH, new home",
            "at most 6 s",
            "s",
            &format!("{FIRST}\nnew_home; start"),
        )?);
        all.push(self.number(
            "DevServer created until first byte over SSH, existing home",
            "at most 3 s",
            "s",
            &format!("{FIRST}\nstart"),
        )?);
        all.push(self.number("memory of an idle bastion", "20 MiB", "MiB", "kubectl -n devserver-bastion rollout restart deployment/bastion >/dev/null; kubectl -n devserver-bastion rollout status deployment/bastion --timeout=180s >/dev/null; sleep 75; docker exec \"$NAME-control-plane\" sh -c 'for p in $(pgrep -f \"devplat-bastion serve\"); do sed -n \"s/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p\" /proc/$p/status; done' | awk '$1 > m { m = $1 } END { print m / 1024 }' >&3")?);
        all.push(self.number("memory of an idle agent", "8 MiB", "MiB", "idle=idle-$RANDOM; me create $idle --wait >/dev/null; sleep 5; docker exec \"$NAME-control-plane\" sh -c 'sed -n \"s/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p\" /proc/$(pgrep -nf \"[d]evplat-agent init\")/status' | awk '{ print $1 / 1024 }' >&3; me delete $idle --force --delete-home >/dev/null")?);
        for (image, goal) in [("devplat-bastion", "25 MiB"), ("devplat-agent", "10 MiB")] {
            let size = image::size(&self.platform.cache(), image)?;
            let name = if image == "devplat-agent" {
                "size of the agent's image"
            } else {
                "size of the bastion's image, with devctl"
            };
            all.push(Figure {
                name,
                goal,
                measured: format!("{size:.1} MiB"),
                from: "all of its blobs".to_owned(),
            });
        }
        Ok(all)
    }

    /// Runs two commands in turn and returns A over B, or B over A if the figure is a speed.
    fn ratio(
        &self,
        name: &'static str,
        goal: &'static str,
        speed: bool,
        a: &str,
        b: &str,
        before: &str,
    ) -> Result<Figure> {
        let (mut ours, mut theirs) = (Series::default(), Series::default());
        // One run that is not measured.
        self.script(&format!("{before}\n{a} 3>/dev/null; {b} 3>/dev/null"))?;
        for _ in 0..self.runs {
            let numbers = self.script(&format!("{before}\nseconds {a}; seconds {b}"))?;
            let [one, other] = numbers[..] else { bail!("{name}: {numbers:?}") };
            ours.0.push(one);
            theirs.0.push(other);
        }
        let ratio = if speed { theirs.median() / ours.median() } else { ours.median() / theirs.median() };
        let from = format!("ours {}; theirs {}", ours.describe(), theirs.describe());
        Ok(told(Figure { name, goal, measured: format!("{ratio:.2}"), from }))
    }

    fn number(&self, name: &'static str, goal: &'static str, unit: &str, script: &str) -> Result<Figure> {
        let mut all = Series::default();
        let runs = if script.contains("sleep 75") { 1 } else { self.runs };
        for _ in 0..runs {
            let numbers = self.script(script)?;
            let [number] = numbers[..] else { bail!("{name}: {numbers:?}") };
            all.0.push(number);
        }
        let measured = format!("{:.2} {unit}", all.median()).trim_end().to_owned();
        Ok(told(Figure { name, goal, measured, from: all.spread() }))
    }

    /// Measures idle sessions, once and of programs that have just started: later sessions would reuse freed memory.
    fn idle_sessions(&self) -> Result<[Figure; 2]> {
        let numbers = self.script(IDLE)?;
        let [bastion, agent] = numbers[..] else { bail!("idle sessions: {numbers:?}") };
        let figure = |name, goal, kib: f64| {
            let from = "80 sessions with one open channel, after ten logins, n = 1".to_owned();
            told(Figure { name, goal, measured: format!("{kib:.0} KiB"), from })
        };
        Ok([
            figure("idle session, bastion (both sides of a relay)", "128 KiB", bastion),
            figure("idle session, agent", "64 KiB", agent),
        ])
    }

    /// Runs a script and returns the numbers that it writes to descriptor 3.
    fn script(&self, script: &str) -> Result<Vec<f64>> {
        let platform = self.platform;
        let file = platform.home().join("numbers");
        let kubectl = devplat_tests::binaries::command("kubectl")?;
        let folder = kubectl.parent().context("kubectl lies in a folder")?.display().to_string();
        let text = format!("PATH=$PATH:{folder}\nexec 3>{}\n{PRELUDE}\n{script}", file.display());
        let ended = platform
            .call(on_path("bash")?)?
            .env("CONFIG", platform.state().join("ssh/config"))
            .env("KEY", platform.state().join("ssh/demo.key"))
            .env("KNOWN", platform.state().join("ssh/known_hosts"))
            .env("NAME", &platform.name)
            .env("SSHD", self.sshd.to_string())
            .env("KUBECONFIG", platform.kubeconfig())
            .args(["-c", &text])
            .run(LONG)?;
        ended.expect(0)?;
        fs::read_to_string(&file)?.split_whitespace().map(|number| Ok(number.parse()?)).collect()
    }
}

const JUMPS: &str = r"
cat > jump.ours <<C
Include $CONFIG
Host target
  HostName box
  User dev
  IdentityFile $KEY
  IdentitiesOnly yes
  UserKnownHostsFile $KNOWN
  ProxyJump demo@$NAME
C
cat > jump.theirs <<C
Host *
  IdentityFile $HOME/sshd.key
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
Host door
  HostName 127.0.0.1
  Port $SSHD
  User root
Host target
  HostName 127.0.0.1
  Port 2023
  User root
  ProxyJump door
C
";

/// The small files are in memory: on a disk, deleting the files of the previous run would slow down the next one.
const SFTP: &str = r#"
[[ -d small ]] || { mkdir small; for n in $(seq 10000); do echo "$n" > "small/$n"; done; }
[[ -f big ]] || head -c 1073741824 /dev/zero > big
sftp_to() { case $1 in ours) sftp -q -F "$CONFIG" "${common[@]}" -b - "demo+box@$NAME" ;; server) sftp -q -F "$CONFIG" "${common[@]}" -s /opt/sshd/usr/lib/openssh/sftp-server -b - "demo+box@$NAME" ;; theirs) sftp -q "${common[@]}" "${plain[@]}" -P "$SSHD" -b - root@127.0.0.1 ;; esac; }
clear_away() { ours 'rm -rf /dev/shm/s'; }
sftp_small() { printf -- "-mkdir /dev/shm/s\nput -r small /dev/shm/s\nget -r /dev/shm/s/small down.$EPOCHREALTIME\n" | sftp_to "$1" > /dev/null 2>&1; }
sftp_big() { printf 'put big /tmp/big\nget /tmp/big /dev/null\n' | sftp_to "$1" > /dev/null; }
"#;

const CPU_A_GIB: &str = r#"
a=$(cpu devplat-bastion); ours 'head -c 1073741824 /dev/zero' > /dev/null; b=$(cpu devplat-bastion)
awk -v a="$a" -v b="$b" 'BEGIN { print b - a }' >&3
"#;

/// Logins by four clients concurrently, and the processor time that they cost each server.
const HANDSHAKES: &str = r#"
many() { for m in 1 2 3 4; do (for n in $(seq 25); do "$1" -N -o ExitOnForwardFailure=yes -o PermitLocalCommand=no -W 127.0.0.1:9 </dev/null >/dev/null 2>&1 || true; done) & done; wait; }
ours_login() { ssh -F "$CONFIG" "${common[@]}" "$@" "demo@$NAME"; }
theirs_login() { ssh "${common[@]}" "${plain[@]}" -p "$SSHD" "$@" root@127.0.0.1; }
sshd_cpu() { docker exec "$NAME-control-plane" sh -c "for p in \$(pgrep -f 'sshd -f /dev/null -p 2022'); do cut -d' ' -f14-17 /proc/\$p/stat; done" | awk '{ t += $1 + $2 + $3 + $4 } END { printf "%.2f\n", t / 100 }'; }
a=$(cpu devplat-bastion); many ours_login; b=$(cpu devplat-bastion)
c=$(sshd_cpu); many theirs_login; sleep 1; d=$(sshd_cpu)
awk -v a="$a" -v b="$b" -v c="$c" -v d="$d" 'BEGIN { o = b - a; if (o < 0.01) o = 0.01; print (d - c) / o }' >&3
"#;

/// The KiB that each of 80 sessions with one open channel costs the bastion, and the agent. A user may have 100
/// sessions per replica, and the bastion rejects some of many concurrent logins at random.
const IDLE: &str = r#"
rm -rf idle; mkdir idle; mkfifo idle/never; exec 7<>idle/never
for n in $(seq 10); do ours true; done; sleep 5; bastion=$(rss devplat-bastion); agent=$(rss devplat-agent)
pids=()
trap '[[ ${#pids[@]} == 0 ]] || kill "${pids[@]}" 2>/dev/null || true; wait' EXIT
is_in() { for _ in $(seq 300); do [[ $(cat "idle/$1") == in ]] && return; sleep 0.1; done; echo "session $1 is not open: $(cat "idle/$1")" >&2; return 1; }
for n in $(seq 80); do
    # In place of the shell that would run it, so that it is the client that is ended.
    (exec 3>&- 7>&-; exec ssh -F "$CONFIG" "${common[@]}" "demo+box@$NAME" 'echo in; read -r x') < idle/never > "idle/$n" 2>&1 & pids+=($!)
    if ((n % 8 == 0)); then for one in $(seq $((n - 7)) "$n"); do is_in "$one"; done; fi
done
sleep 5
for pid in "${pids[@]}"; do kill -0 "$pid"; done
awk -v a="$bastion" -v b="$(rss devplat-bastion)" -v c="$agent" -v d="$(rss devplat-agent)" 'BEGIN { print (b - a) / 80, (d - c) / 80 }' >&3
"#;

const FIRST: &str = r#"
start() {
    me delete first --force >/dev/null 2>&1 || true
    for n in $(seq 300); do kubectl -n dev-demo get devserver first >/dev/null 2>&1 || break; sleep 0.1; done
    seconds first
}
# The home before has to be off the disk, which takes the same provisioner some seconds and a pod, and after that kubelet
# and containerd some seconds more for what those pods leave: each start beside them takes twice as long.
new_home() {
    me delete first --force --delete-home > /dev/null 2>&1 || true
    for n in $(seq 300); do [[ " $(kubectl get pv -o jsonpath='{.items[*].spec.claimRef.name}') " == *" first-home "* ]] || { sleep 10; return 0; }; sleep 0.1; done
    echo 'the home before is still there' >&2; return 1
}
first() { me create first > /dev/null; for n in $(seq 200); do [[ $(ssh -F "$CONFIG" "${common[@]}" "demo+first@$NAME" 'echo 1' 2>/dev/null) == 1 ]] && return; sleep 0.05; done; return 1; }
"#;

/// Prints a figure as soon as it is measured, so that a later failure does not lose it.
fn told(figure: Figure) -> Figure {
    let Figure { name, goal, measured, from } = &figure;
    say(&format!("{name}: {measured} (goal {goal}; {from})"));
    figure
}
