//! The configuration files of AWS, read for the questions that aws-config answers only in words: which profile is
//! selected, and by which means it gives credentials.

use aws_config::profile::{self, Profile, ProfileFileLoadError, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::Fs;
use serde::Serialize;

use crate::CallerSettings;

/// A chain of `source_profile` that is longer is a circle.
const LONGEST_CHAIN: usize = 10;

/// The means by which an AWS profile gives credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Means {
    /// Keys in the file.
    Keys,
    /// A login with IAM Identity Center.
    Sso(SsoLogin),
    /// A program.
    Process,
    /// A token in a file that is exchanged for credentials of a role.
    WebIdentity,
    /// A login with `aws login`, which this devplat cannot use.
    Login,
    /// A role that is assumed with credentials of this origin.
    Role {
        /// The profile or the service that gives the credentials to assume it.
        with: String,
    },
}

/// A login with IAM Identity Center.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SsoLogin {
    /// A section `sso-session` of the file.
    Session(String),
    /// A start URL in the profile itself, which is the older form.
    StartUrl(String),
}

impl SsoLogin {
    /// Returns the name of the login, whose digest names the file of its token.
    pub(crate) fn name(&self) -> &str {
        let (Self::Session(name) | Self::StartUrl(name)) = self;
        name
    }
}

/// The configuration files of AWS.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    sections: ProfileSet,
    /// The profile that a variable names.
    named: Option<String>,
}

impl ConfigFile {
    /// Reads the files that the variables name, or else those in the home folder. Absent ones are empty.
    pub(crate) async fn read(surroundings: &CallerSettings) -> Result<Self, ProfileFileLoadError> {
        let sections =
            profile::load(&Fs::real(), &surroundings.env(), &EnvConfigFiles::default(), None).await?;
        Ok(Self { sections, named: surroundings.get("AWS_PROFILE").map(str::to_owned) })
    }

    /// Returns the name of the selected profile.
    pub(crate) fn selected(&self) -> &str {
        self.sections.selected_profile()
    }

    /// Returns the profile that a variable names and the files do not have.
    pub(crate) fn absent(&self) -> Option<&str> {
        self.named.as_deref().filter(|name| self.sections.get_profile(name).is_none())
    }

    /// Returns the profile that a variable names.
    pub(crate) fn named(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// Returns the names of all profiles, sorted.
    pub(crate) fn profiles(&self) -> Vec<String> {
        let mut names: Vec<String> = self.sections.profiles().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Returns the region of the selected profile.
    pub(crate) fn region(&self) -> Option<&str> {
        self.sections.get("region")
    }

    /// Returns the endpoint of a service that the selected profile names.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.sections.get(key)
    }

    /// Returns the means of the selected profile; `None` if it has no credentials.
    pub(crate) fn means(&self) -> Option<Means> {
        means(self.sections.get_profile(self.selected())?)
    }

    /// Returns the selected profile and those that it takes credentials from, in this order.
    fn chain(&self) -> impl Iterator<Item = &Profile> {
        let first = self.sections.get_profile(self.selected());
        let next = |profile: &&Profile| {
            let source = profile.get("source_profile")?;
            self.sections.get_profile(source).filter(|other| other.name() != profile.name())
        };
        std::iter::successors(first, next).take(LONGEST_CHAIN)
    }

    /// Returns the profile of a role that needs a code of a second factor.
    pub(crate) fn second_factor(&self) -> Option<&str> {
        self.chain()
            .find(|profile| profile.get("role_arn").is_some() && profile.get("mfa_serial").is_some())
            .map(Profile::name)
    }

    /// Returns the login that the credentials come from in the end, with its profile.
    pub(crate) fn sso(&self) -> Option<(&str, SsoLogin)> {
        let last = self.chain().last()?;
        match means(last)? {
            Means::Sso(login) => Some((last.name(), login)),
            Means::Keys | Means::Process | Means::WebIdentity | Means::Login | Means::Role { .. } => None,
        }
    }
}

/// Returns the means of a profile, in the order in which aws-config looks for them.
fn means(profile: &Profile) -> Option<Means> {
    let has = |key: &str| profile.get(key).map(str::to_owned);
    if has("role_arn").is_some() {
        if let Some(with) = has("source_profile").or_else(|| has("credential_source")) {
            return Some(Means::Role { with });
        }
        if has("web_identity_token_file").is_some() {
            return Some(Means::WebIdentity);
        }
    }
    if let Some(session) = has("sso_session") {
        return Some(Means::Sso(SsoLogin::Session(session)));
    }
    if let Some(url) = has("sso_start_url") {
        return Some(Means::Sso(SsoLogin::StartUrl(url)));
    }
    if has("login_session").is_some() {
        return Some(Means::Login);
    }
    if has("credential_process").is_some() {
        return Some(Means::Process);
    }
    has("aws_access_key_id").map(|_| Means::Keys)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;

    const CONFIG: &str = "\
[default]
region = eu-central-1
[profile keys]
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key = secret
[profile corp]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Admin
[profile old]
sso_start_url = https://old.example/start
sso_region = eu-central-1
[profile role]
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = corp
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = keys
mfa_serial = arn:aws:iam::123456789012:mfa/ada
[profile process]
credential_process = /opt/credentials
[profile pod]
role_arn = arn:aws:iam::123456789012:role/pod
web_identity_token_file = /var/token
[profile circle]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = back
[profile back]
role_arn = arn:aws:iam::123456789012:role/b
source_profile = circle
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = eu-central-1
";

    /// The surroundings of a user with this configuration file, who selects a profile.
    pub(crate) fn surroundings(home: &std::path::Path, profile: Option<&str>) -> CallerSettings {
        let variables = profile.map(|name| ("AWS_PROFILE".to_owned(), name.to_owned()));
        CallerSettings {
            variables: variables.into_iter().collect::<BTreeMap<_, _>>(),
            home: Some(home.to_owned()),
            now: Arc::new(|| "2026-11-01T12:00:00Z".parse().unwrap()),
        }
    }

    async fn file(profile: Option<&str>) -> ConfigFile {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/config"), CONFIG).unwrap();
        ConfigFile::read(&surroundings(home.path(), profile)).await.unwrap()
    }

    #[tokio::test]
    async fn means_of_a_profile_follow_its_keys() {
        for (name, expected) in [
            ("keys", Some(Means::Keys)),
            ("corp", Some(Means::Sso(SsoLogin::Session("corp".to_owned())))),
            ("old", Some(Means::Sso(SsoLogin::StartUrl("https://old.example/start".to_owned())))),
            ("role", Some(Means::Role { with: "corp".to_owned() })),
            ("process", Some(Means::Process)),
            ("pod", Some(Means::WebIdentity)),
            ("default", None),
        ] {
            assert_eq!(file(Some(name)).await.means(), expected, "{name}");
        }
    }

    #[tokio::test]
    async fn login_is_found_behind_a_role() {
        let (profile, login) =
            file(Some("role")).await.sso().map(|(name, of)| (name.to_owned(), of)).unwrap();
        assert_eq!((profile.as_str(), login.name()), ("corp", "corp"));
        assert!(file(Some("mfa")).await.sso().is_none());
    }

    #[tokio::test]
    async fn second_factor_of_a_role_is_found() {
        assert_eq!(file(Some("mfa")).await.second_factor(), Some("mfa"));
        for name in ["role", "keys", "circle"] {
            assert_eq!(file(Some(name)).await.second_factor(), None, "{name}");
        }
    }

    #[tokio::test]
    async fn named_profile_that_does_not_exist_is_known() {
        assert_eq!(file(Some("nope")).await.absent(), Some("nope"));
        let default = file(None).await;
        assert_eq!((default.absent(), default.region()), (None, Some("eu-central-1")));
    }
}
