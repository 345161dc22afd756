//! ARNs and account ids.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::Partition;

/// The id of an account: 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountId(String);

/// An ARN, such as that of a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Arn {
    partition: Partition,
    account: Option<AccountId>,
    text: String,
}

/// A text that is not an ARN or an account id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct MalformedArn {
    wanted: &'static str,
    text: String,
}

impl FromStr for AccountId {
    type Err = MalformedArn;

    fn from_str(text: &str) -> Result<Self, MalformedArn> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedArn { wanted: "an account id of 12 digits", text: text.to_owned() })
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Arn {
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Returns the account. Some resources, such as buckets, have none.
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }
}

impl FromStr for Arn {
    type Err = MalformedArn;

    /// Parses `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, whose resource may contain colons.
    fn from_str(text: &str) -> Result<Self, MalformedArn> {
        let malformed = || MalformedArn { wanted: "an ARN", text: text.to_owned() };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, _, account, resource] = parts.as_slice() else {
            return Err(malformed());
        };
        if service.is_empty() || resource.is_empty() {
            return Err(malformed());
        }
        let partition = Partition::named(partition).ok_or_else(malformed)?;
        // AWS writes `aws` in place of an account for its own policies.
        let account = match *account {
            "" | "aws" => None,
            id => Some(id.parse()?),
        };
        Ok(Self { partition, account, text: text.to_owned() })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_and_account_are_read_from_an_arn() {
        for (text, partition, account) in [
            ("arn:aws:sts::123456789012:assumed-role/Admin/ada:1", "aws", Some("123456789012")),
            ("arn:aws-cn:iam::123456789012:user/ada", "aws-cn", Some("123456789012")),
            ("arn:aws:iam::aws:policy/AmazonEKSClusterPolicy", "aws", None),
            ("arn:aws-us-gov:s3:::bucket", "aws-us-gov", None),
        ] {
            let arn: Arn = text.parse().unwrap();
            assert_eq!(arn.partition().name(), partition);
            assert_eq!(arn.account().map(ToString::to_string).as_deref(), account);
            assert_eq!(arn.to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "arn",
            "arn:aws:iam::1:user/a",
            "arn::iam::123456789012:user/a",
            "arn:aws:iam::123456789012:",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
        for text in ["12345678901", "1234567890123", "12345678901x"] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }
}
