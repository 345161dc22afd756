//! Calls as a client makes them: signed requests, answers in XML.

mod address;
mod caller;
mod clock;
mod endpoint;
mod fault;
mod gateway;
mod group;
mod http;
mod lag;
mod listing;
mod route;
mod strict;
mod tag;
mod token;
mod vpc;

use std::time::Duration;

use ::http::Request;
use bytes::Bytes;
use quick_xml::{Reader, events::Event};

use crate::{AccessKey, Fake, Outcome, Partition, Snapshot};

pub(crate) const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

/// A client of one account in one region.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) fake: Fake,
    pub(crate) key: AccessKey,
    pub(crate) region: &'static str,
}

/// An answer: each element with a text, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(Vec<(String, String)>);

impl Answer {
    fn parse(body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap();
        let mut reader = Reader::from_str(text);
        let (mut open, mut all, mut last) = (Vec::new(), Vec::new(), None);
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    open.push(start.name().as_ref().to_owned());
                    last = Some(String::new());
                }
                Event::Text(text) => {
                    last.get_or_insert_default().push_str(&text);
                }
                Event::GeneralRef(name) => {
                    let name: String = (*name).to_owned();
                    let text = match name.as_str() {
                        "lt" => "<",
                        "gt" => ">",
                        "amp" => "&",
                        "quot" => "\"",
                        "apos" => "'",
                        other => panic!("{other}"),
                    };
                    last.get_or_insert_default().push_str(text);
                }
                Event::End(_) => {
                    let name = open.pop().unwrap();
                    if let Some(text) = last.take() {
                        all.push((name, text));
                    }
                }
                Event::Eof => break,
                Event::Decl(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(open.is_empty());
        Self(all)
    }

    /// Returns the text of the first element of this name.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, text)| text.as_str()).collect()
    }
}

pub(crate) fn fake() -> Fake {
    Fake::new("2026-01-02T03:04:05Z".parse().unwrap())
}

pub(crate) fn client() -> Client {
    let fake = fake();
    let key = fake.add_account(ACCOUNT, Partition::Aws);
    Client { fake, key, region: REGION }
}

impl Client {
    /// Returns the request of a call, as the SDK signs it.
    pub(crate) fn request(&self, call: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let service = if call == "GetCallerIdentity" { "sts" } else { "ec2" };
        let version = if service == "sts" { "2011-06-15" } else { "2016-11-15" };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", call).append_pair("Version", version);
        form.extend_pairs(parameters);
        let date = self.fake.date().strftime("%Y%m%dT%H%M%SZ").to_string();
        let (day, signature) = (&date[..8], "0".repeat(64));
        let (key, region) = (&self.key.id, self.region);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={key}/{day}/{region}/{service}/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let request = Request::post("/").header("x-amz-date", date).header("authorization", authorization);
        let request = match &self.key.session_token {
            Some(token) => request.header("x-amz-security-token", token),
            None => request,
        };
        request.body(Bytes::from(form.finish())).unwrap()
    }

    pub(crate) fn outcome(&self, call: &str, parameters: &[(&str, &str)]) -> Outcome {
        self.fake.answer(&self.request(call, parameters))
    }

    /// Makes a call. Fails with the code of an error, or with the text of what the fake does not know.
    pub(crate) fn call(&self, call: &str, parameters: &[(&str, &str)]) -> Result<Answer, String> {
        let response = match self.outcome(call, parameters) {
            Outcome::Answer(response) | Outcome::Late(_, response) => response,
            Outcome::NoAnswer => return Err("no answer".to_owned()),
            Outcome::Killed => return Err("killed".to_owned()),
        };
        match response.status().as_u16() {
            200 => Ok(Answer::parse(response.body())),
            599 => Err(String::from_utf8(response.body().to_vec()).unwrap()),
            _ => Err(Answer::parse(response.body()).get("Code").to_owned()),
        }
    }

    /// Makes a call that succeeds and returns the first element of this name.
    pub(crate) fn get(&self, call: &str, parameters: &[(&str, &str)], element: &str) -> String {
        let answer = self.call(call, parameters).unwrap_or_else(|code| panic!("{call}: {code}"));
        answer.get(element).to_owned()
    }

    /// Makes a call that succeeds.
    pub(crate) fn ok(&self, call: &str, parameters: &[(&str, &str)]) -> Answer {
        self.call(call, parameters).unwrap_or_else(|code| panic!("{call}: {code}"))
    }

    /// Makes a call that fails and returns the code.
    pub(crate) fn code(&self, call: &str, parameters: &[(&str, &str)]) -> String {
        match self.call(call, parameters) {
            Ok(answer) => panic!("{call}: {answer:?}"),
            Err(code) => code,
        }
    }

    pub(crate) fn vpc(&self) -> String {
        let vpc = self.get("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId");
        self.pass(1);
        vpc
    }

    /// Makes the subnet 10.0.NUMBER.0/24 in a zone such as `a`.
    pub(crate) fn subnet(&self, vpc: &str, number: u8, zone: char) -> String {
        let (range, zone) = (format!("10.0.{number}.0/24"), format!("{}{zone}", self.region));
        let parameters = [("VpcId", vpc), ("CidrBlock", &range), ("AvailabilityZone", &zone)];
        self.get("CreateSubnet", &parameters, "subnetId")
    }

    pub(crate) fn internet_gateway(&self, vpc: &str) -> String {
        let gateway = self.get("CreateInternetGateway", &[], "internetGatewayId");
        self.ok("AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", vpc)]);
        gateway
    }

    /// Makes an address and a NAT gateway with it.
    pub(crate) fn nat_gateway(&self, subnet: &str) -> (String, String) {
        let address = self.get("AllocateAddress", &[("Domain", "vpc")], "allocationId");
        let parameters = [("SubnetId", subnet), ("AllocationId", address.as_str())];
        (self.get("CreateNatGateway", &parameters, "natGatewayId"), address)
    }

    pub(crate) fn nat_state(&self, nat: &str) -> String {
        self.get("DescribeNatGateways", &[("NatGatewayId.1", nat)], "state")
    }

    pub(crate) fn group(&self, vpc: &str, name: &str) -> String {
        let parameters = [("GroupName", name), ("GroupDescription", "of a test"), ("VpcId", vpc)];
        self.get("CreateSecurityGroup", &parameters, "groupId")
    }

    /// Lets seconds pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.fake.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.fake.snapshot(&self.key.account)
    }
}
