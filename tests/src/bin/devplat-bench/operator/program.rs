//! The operator's program: its use of the machine, and its writes.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use devplat_api::name;
use devplat_tests::{
    audit::{Entry, ObjectRef},
    call::Running,
    control_plane::{ControlPlane, Token},
    platform::Platform,
    port,
};
use rustix::process::Signal;

use super::{constants::LONG, plane};

/// Its user in the audit log.
const OPERATOR: &str = "operator-a";

/// A running operator.
pub(super) struct Operator(Running);

impl Operator {
    pub(super) fn start(platform: &Platform, plane: &ControlPlane) -> Result<Self> {
        let kubeconfig =
            plane::write_kubeconfig(platform, OPERATOR, &plane.kubeconfig_with(&Token::of(OPERATOR)))?;
        let [listen] = port::free()?;
        let mut running = platform
            .call(platform.program("devplat-operator"))?
            .args(["run"])
            .env("KUBECONFIG", kubeconfig)
            .env("DEVPLAT_AGENT_IMAGE", "devplat.local/agent")
            .env("DEVPLAT_DEFAULT_IMAGE", "devplat.local/base")
            .env("DEVPLAT_HOME_SIZE", "10Gi")
            .env("DEVPLAT_LISTEN", listen.to_string())
            .env("POD_NAME", "bench")
            .env("POD_NAMESPACE", name::OPERATOR_NAMESPACE)
            .start()?;
        devplat_tests::call::until("the operator to answer", LONG, || {
            ensure!(running.runs()?, "the operator ended: {}", running.stderr()?);
            Ok(std::net::TcpStream::connect(listen).ok())
        })?;
        Ok(Self(running))
    }

    pub(super) fn stop(self) -> Result<()> {
        self.0.signal(Signal::TERM)?;
        self.0.wait(LONG)?.expect(0).map(|_| ())
    }

    /// Returns a line of its `/proc/PID/status`, in MiB.
    pub(super) fn memory(&self, key: &str) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let kib: f64 = line.context("no such line")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// Returns its processor time so far, user and system, in seconds. The kernel counts hundredths.
    pub(super) fn processor(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, after) = text.rsplit_once(") ").context("no such line")?;
        let ticks: Vec<f64> = after.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(ticks.iter().sum::<f64>() / 100.0)
    }
}

/// Returns the number of its writes.
pub(super) fn writes(plane: &ControlPlane) -> Result<usize> {
    Ok(own_writes(plane)?.len())
}

fn own_writes(plane: &ControlPlane) -> Result<Vec<Entry>> {
    let mut entries = plane.audit().entries()?;
    entries.retain(|entry| entry.is_write() && entry.user.username == OPERATOR);
    Ok(entries)
}

/// Returns the number of writes per server, by kind of object.
pub(super) fn kinds_of_writes(plane: &ControlPlane, servers: usize) -> Result<String> {
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut refused = 0;
    for entry in own_writes(plane)? {
        let ObjectRef { resource, subresource, .. } = &entry.object_ref;
        let slash = if subresource.is_empty() { "" } else { "/" };
        *kinds.entry(format!("{resource}{slash}{subresource}")).or_default() += 1;
        refused += usize::from(entry.response_status.code >= 400);
    }
    let told = kinds.iter().map(|(kind, count)| format!("{kind} {:.2}", ratio(*count, servers)));
    let refused = (refused > 0).then(|| format!("{refused} refused"));
    Ok(told.chain(refused).collect::<Vec<_>>().join(", "))
}

#[expect(clippy::cast_precision_loss, reason = "both are small")]
pub(super) fn ratio(one: usize, other: usize) -> f64 {
    one as f64 / other as f64
}
