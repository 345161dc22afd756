//! AWS: the only crate of the workspace that depends on the AWS SDK.
//!
//! It answers with types and typed errors. It prints nothing, and it knows neither profiles of devplat nor kinds of
//! resources. [`look`] asks AWS which account and principal the credentials of this machine belong to.
//!
//! aws-config reads the variables of the process itself. The variables in [`CallerSettings`] must be the same ones; this
//! crate reads them for its own questions.

mod arn;
mod call;
mod chain;
mod clock;
mod config_file;
mod credentials;
mod http;
mod identity;
mod partition;
mod region;
mod regions;
mod sso;
mod surroundings;

pub use arn::{AccountId, Arn, MalformedArn};
pub use chain::FoundCredentials;
pub use clock::Skew;
pub use config_file::Means;
pub use credentials::{AwsCredentialsError, CredentialSource};
pub use http::CertificatesError;
pub use identity::{Identity, IdentityError, Look, look};
pub use partition::Partition;
pub use region::{ChosenRegion, MalformedRegion, Region, RegionError, RegionSource};
pub use surroundings::CallerSettings;
