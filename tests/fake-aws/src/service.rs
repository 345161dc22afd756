//! The services, and the request of a client as one of their calls.

use bytes::Bytes;
use http::{Method, Request};

use crate::{
    model::{self, Model},
    protocol::xml::Dialect,
    refusal::{Refusal, unknown},
};

/// The most bytes of a request; AWS's own limits are lower.
const BODY_MAX: usize = 1 << 20;

/// A service of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Service {
    Ec2,
    Sts,
}

impl Service {
    pub(crate) const ALL: [Self; 2] = [Self::Ec2, Self::Sts];

    /// Returns its name in the scope of a signature and in the names of permissions.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
        }
    }

    pub(crate) fn model(self) -> &'static Model {
        match self {
            Self::Ec2 => model::ec2(),
            Self::Sts => model::sts(),
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Ec2 => Dialect::Ec2,
            Self::Sts => Dialect::Query,
        }
    }
}

/// A call as a client sent it, before its members are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) service: Service,
    pub(crate) call: String,
    pub(crate) parameters: Vec<(String, String)>,
}

/// Reads the service, the call and the parameters of a request.
pub(crate) fn read(request: &Request<Bytes>) -> Result<Sent, Refusal> {
    let body = request.body();
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Err(unknown(format!("{} {}", request.method(), request.uri().path())));
    }
    if body.len() > BODY_MAX {
        return Err(unknown(format!("a request of {} bytes", body.len())));
    }
    let mut parameters: Vec<(String, String)> =
        form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let mut take = |wanted: &str| {
        let at = parameters.iter().position(|(name, _)| name == wanted);
        at.map(|at| parameters.remove(at).1).ok_or_else(|| unknown(format!("a request without {wanted}")))
    };
    let (call, version) = (take("Action")?, take("Version")?);
    let mut services = Service::ALL.into_iter();
    let service = services.find(|service| service.model().version == version);
    let service = service.ok_or_else(|| unknown(format!("{call} of version {version}")))?;
    Ok(Sent { service, call, parameters })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> Request<Bytes> {
        Request::post("/").body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn version_decides_the_service() {
        let sent = read(&request("Action=DeleteVpc&Version=2016-11-15&VpcId=vpc%2D1")).unwrap();
        assert_eq!((sent.service, sent.call.as_str()), (Service::Ec2, "DeleteVpc"));
        assert_eq!(sent.parameters, [("VpcId".to_owned(), "vpc-1".to_owned())]);
        let sent = read(&request("Action=GetCallerIdentity&Version=2011-06-15")).unwrap();
        assert_eq!(sent.service, Service::Sts);
    }

    #[test]
    fn other_versions_methods_and_paths_are_unknown() {
        assert!(read(&request("Action=DeleteVpc&Version=2015-01-01")).is_err());
        assert!(read(&request("Version=2016-11-15")).is_err());
        assert!(read(&Request::get("/").body(Bytes::new()).unwrap()).is_err());
        assert!(read(&Request::post("/x").body(Bytes::new()).unwrap()).is_err());
    }
}
