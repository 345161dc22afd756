//! The control plane of a run.

use std::{fs, path::PathBuf};

use anyhow::Result;
use devplat_api::name;
use devplat_tests::{
    binaries,
    control_plane::{ControlPlane, Parts},
    platform::Platform,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::constants::LONG;

/// Starts a control plane with devplat's CRDs and flavors.
pub(super) async fn start(platform: &Platform) -> Result<ControlPlane> {
    let plane = ControlPlane::start(Parts::Everything).await?;
    let client = plane.client().await?;
    for name in [name::OPERATOR_NAMESPACE, name::BASTION_NAMESPACE] {
        let namespace = Namespace {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    }
    let kubeconfig = write_kubeconfig(platform, "administrator", &plane.kubeconfig())?;
    for what in ["crds", "flavors"] {
        let text = platform.run(&["render", what, "--profile", "kind"])?.expect(0)?.stdout;
        let kubectl = platform.call(binaries::command("kubectl")?)?.env("KUBECONFIG", &kubeconfig);
        kubectl.args(["apply", "--server-side", "-f", "-"]).input(text).run(LONG)?.expect(0)?;
        let kubectl = platform.call(binaries::command("kubectl")?)?.env("KUBECONFIG", &kubeconfig);
        kubectl
            .args(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])
            .run(LONG)?
            .expect(0)?;
    }
    Ok(plane)
}

/// Writes a kubeconfig for `user`.
pub(super) fn write_kubeconfig(
    platform: &Platform,
    user: &str,
    kubeconfig: &kube::config::Kubeconfig,
) -> Result<PathBuf> {
    let file = platform.home().join(format!("{user}.json"));
    fs::write(&file, serde_json::to_vec(kubeconfig)?)?;
    Ok(file)
}
