//! Who somebody is. Each way of proving it has its own file; they give a [`Identity`], which nothing else can make.
//! Proofs of AWS IAM and of `OpenID` will be further files here.

mod certificate;
mod denial;
mod key;
mod user;

use std::{net::IpAddr, sync::Arc};

use devplat_api::Slug;
use devplat_keys::{Certificate, Permissions, PublicKey};

pub use certificate::{Authorities, InvalidAuthorities};
pub use denial::Denial;

use crate::{directory::Directory, login::Login};
use user::named;

/// Somebody who has proved to be a user.
#[derive(Debug, Clone)]
pub struct Identity {
    login: Login,
    slug: Slug,
    uid: String,
    proof: Proof,
    permissions: Permissions,
}

/// How somebody proved it.
#[derive(Debug, Clone)]
enum Proof {
    Key(Arc<PublicKey>),
    Certificate(Arc<Certificate>),
}

impl Identity {
    /// What was asked for.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// What the user's namespace and ServiceAccount are named after.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }

    /// Tells the user from somebody who had the name before.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// What the proof allows.
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// The proof as a log shows it.
    pub fn proof(&self) -> String {
        let print = |key: &PublicKey| key.fingerprint(russh::keys::HashAlg::Sha256).to_string();
        match &self.proof {
            Proof::Key(key) => print(key),
            Proof::Certificate(made) => {
                let key = PublicKey::from(made.public_key().clone());
                format!("certificate {:?} serial {} of {}", made.key_id(), made.serial(), print(&key))
            }
        }
    }

    /// Whether it would be let in again by what is known now. That a certificate ran out in the meantime is no reason
    /// to end what goes on.
    pub fn still_holds(&self, directory: &Directory, authorities: &Authorities) -> bool {
        let Some(user) = directory.user(self.login.user()) else { return false };
        match &self.proof {
            Proof::Key(key) => user.keys.contains(key),
            Proof::Certificate(made) => authorities.stand_by(made),
        }
    }
}

/// Whether to have somebody sign with `key`. Certificates cannot be told from keys here, so where there are authorities
/// every key is worth a try; otherwise only those that can let in. The answer is the same for users that do not exist
/// and for keys that are not theirs.
pub fn worth_a_try(directory: &Directory, authorities: &Authorities, text: &str, key: &PublicKey) -> bool {
    !authorities.is_empty() || key::admit(directory, text, key).is_ok()
}

/// Who has `key`, once it has been proved.
pub fn by_key(directory: &Directory, text: &str, key: &PublicKey) -> Result<Identity, Denial> {
    let (login, user) = key::admit(directory, text, key)?;
    let proof = Proof::Key(Arc::new(key.clone()));
    Ok(Identity {
        login,
        slug: user.slug.clone(),
        uid: user.uid.clone(),
        proof,
        permissions: Permissions::ALL,
    })
}

/// Who has `certificate`, once its key has been proved.
pub fn by_certificate(
    directory: &Directory,
    authorities: &Authorities,
    text: &str,
    certificate: &Certificate,
    from: IpAddr,
    now: u64,
) -> Result<Identity, Denial> {
    let (login, user) = named(directory, text)?;
    let permissions = authorities.admit(certificate, login.user(), from, now)?;
    let proof = Proof::Certificate(Arc::new(certificate.clone()));
    Ok(Identity { login, slug: user.slug.clone(), uid: user.uid.clone(), proof, permissions })
}
