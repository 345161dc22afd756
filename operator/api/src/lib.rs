//! What a DevServer, a DevServerFlavor and a DevUser are: the CRDs, their names, labels and conditions.
//!
//! Shared by the operator, which makes it so, and by everyone who asks for it (installer, bastion, devctl).
//! It never talks to a cluster.

#![warn(missing_docs)]
#![expect(clippy::duplicated_attributes, reason = "printer columns of the same type are no duplicates")]
#![expect(unreachable_pub, reason = "KubeSchema copies public structs into function bodies")]

pub mod agent;
pub mod amount;
pub mod bastion_host;
pub mod condition;
pub mod dns;
pub mod failure;
pub mod flavor;
pub mod name;
pub mod server;
pub mod user;

pub use amount::Amount;
pub use bastion_host::BastionHost;
pub use failure::FailureKind;
pub use flavor::{DevServerFlavor, DevServerFlavorSpec};
pub use server::{DevServer, DevServerSpec, DevServerStatus};
pub use user::{DevUser, DevUserSpec, slug::Slug};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Every CRD of the platform, in the order to apply them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![DevServerFlavor::crd(), DevUser::crd(), server::with_first_status(DevServer::crd())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crds_are_the_ones_reviewed() {
        for crd in crds() {
            let name = crd.metadata.name.clone().unwrap();
            insta::with_settings!({snapshot_path => "../crds", prepend_module_to_snapshot => false}, {
                insta::assert_snapshot!(name, serde_saphyr::to_string(&crd).unwrap());
            });
        }
    }

    #[test]
    fn crds_never_clash_with_short_names_of_kubernetes_or_kueue() {
        for crd in crds() {
            for short in crd.spec.names.short_names.unwrap() {
                assert!(!["ds", "deploy", "flavor", "rf"].contains(&short.as_str()), "{short}");
            }
        }
    }
}
