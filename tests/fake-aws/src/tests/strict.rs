//! Calls, members and filters that the fake does not know fail the test.

use super::client;

#[test]
fn unknown_call_fails() {
    let client = client();
    assert_eq!(client.code("RunInstances", &[]), "the fake does not know: call RunInstances of ec2");
}

#[test]
fn unknown_member_fails() {
    let client = client();
    let code = client.code("CreateVpc", &[("CidrBlock", "10.0.0.0/16"), ("Colour", "red")]);
    assert_eq!(code, "the fake does not know: parameter Colour is not in the model");
}

#[test]
fn member_that_aws_has_and_the_fake_does_not_act_on_fails() {
    let client = client();
    let code = client.code("CreateVpc", &[("CidrBlock", "10.0.0.0/16"), ("Ipv6Pool", "x")]);
    assert_eq!(code, "the fake does not know: CreateVpc with Ipv6Pool");
    let code =
        client.code("CreateVpc", &[("CidrBlock", "10.0.0.0/16"), ("AmazonProvidedIpv6CidrBlock", "true")]);
    assert_eq!(code, "the fake does not know: a VPC with IPv6");
}

#[test]
fn unknown_filter_fails() {
    let client = client();
    let with = |name| client.code("DescribeVpcs", &[("Filter.1.Name", name), ("Filter.1.Value.1", "x")]);
    assert!(with("vpcid").ends_with("filter vpcid of DescribeVpcs, not in AWS's documentation"));
    assert!(with("ipv6-cidr-block-association.state").ends_with("in AWS's documentation"));
}

#[test]
fn signature_of_another_service_fails() {
    let client = client();
    let mut request = client.request("DescribeVpcs", &[]);
    let text = request.headers()["authorization"].to_str().unwrap().replace("/ec2/", "/eks/");
    request.headers_mut().insert("authorization", text.parse().unwrap());
    let crate::Outcome::Answer(response) = client.fake.answer(&request) else { panic!() };
    assert_eq!(response.status().as_u16(), 599);
}

#[test]
fn request_to_another_region_than_it_is_signed_for_fails() {
    let client = client();
    for (host, status) in
        [("ec2.us-east-1.amazonaws.com", 200), ("ec2.us-west-2.amazonaws.com", 599), ("127.0.0.1:80", 200)]
    {
        let mut request = client.request("DescribeVpcs", &[]);
        request.headers_mut().insert("host", host.parse().unwrap());
        let crate::Outcome::Answer(response) = client.fake.answer(&request) else { panic!() };
        assert_eq!(response.status().as_u16(), status, "{host}");
    }
}

#[test]
fn request_without_a_signature_is_refused() {
    let client = client();
    let mut request = client.request("DescribeVpcs", &[]);
    request.headers_mut().remove("authorization");
    let crate::Outcome::Answer(response) = client.fake.answer(&request) else { panic!() };
    assert_eq!(response.status().as_u16(), 403);
}

#[test]
#[should_panic(expected = "call 1 RunInstances: call RunInstances of ec2")]
fn test_of_a_program_ends_with_what_was_unknown() {
    let client = client();
    client.code("RunInstances", &[]);
    client.fake.assert_all_known();
}

#[test]
#[should_panic(expected = "the fake does not know what AWS does")]
fn unknown_call_can_panic_in_the_calling_thread() {
    let client = client();
    client.fake.panic_if_unknown();
    client.code("RunInstances", &[]);
}

#[test]
fn known_calls_pass_the_end_of_a_test() {
    let client = client();
    client.ok("DescribeVpcs", &[]);
    client.code("DeleteVpc", &[("VpcId", "vpc-0a1b2c3d")]);
    client.fake.assert_all_known();
}
