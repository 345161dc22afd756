//! `devplat doctor --profile eks`: the account, and each failure with its own message. No secret is ever printed.

use jiff::SignedDuration;

use crate::{
    aws::{AccessKey, Aws, AwsRules},
    machine::{Machine, run},
};

const ADA: &str = "arn:aws:iam::123456789012:user/ada";
/// Secrets of these tests, which no output may contain.
const SECRETS: [&str; 3] = ["very-secret", "session-secret", "sso-secret"];

const CONFIG: &str = "\
[profile dev]
region = eu-west-1
aws_access_key_id = AKIADEV
aws_secret_access_key = very-secret
[profile corp]
region = eu-central-1
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Admin
[profile role]
region = eu-central-1
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = dev
[profile second]
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = dev
mfa_serial = arn:aws:iam::123456789012:mfa/ada
[profile program]
region = eu-central-1
credential_process = PROGRAM
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = eu-central-1
";

/// The file of the login `corp`.
const LOGIN: &str = "home/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

type Variables<'a> = &'a [(&'a str, &'a str)];

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAADA"),
    ("AWS_SECRET_ACCESS_KEY", "very-secret"),
    ("AWS_REGION", "eu-central-1"),
];

fn with(key: &'static str, state: AccessKey) -> AwsRules {
    AwsRules { keys: [(key, state)].into(), ..AwsRules::default() }
}

/// A machine with the AWS profiles of these tests.
fn configured() -> Machine {
    let machine = Machine::new();
    machine.write("home/.aws/config", &CONFIG.replace("PROGRAM", "echo nothing >&2; exit 7"));
    machine
}

/// Returns the output and the exit status of `devplat doctor` with profile eks. Without a key for it, there is no instance
/// metadata service.
async fn doctor(machine: &Machine, aws: &Aws, rest: &[&str], variables: Variables<'_>) -> String {
    let mut all: Vec<(&str, &str)> = vec![
        ("AWS_ENDPOINT_URL_STS", &aws.address),
        ("AWS_ENDPOINT_URL_EC2", &aws.address),
        ("AWS_ENDPOINT_URL_SSO", &aws.address),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &aws.address),
    ];
    all.extend(variables);
    let args = [&["doctor", "--profile", "eks"], rest].concat();
    let script = r#""$@" 2>&1; echo "exit status $?""#;
    let output = machine.in_shell(script, &args, &all).run().await.unwrap().stdout;
    for secret in SECRETS {
        assert!(!output.contains(secret), "{output}");
    }
    aws.calls();
    output.replace(&aws.address, "ADDRESS").replace(machine.at("").to_str().unwrap(), "MACHINE/")
}

#[tokio::test]
async fn keys_of_the_environment_name_the_account() {
    let aws = Aws::start(with("AKIAADA", AccessKey::Of(ADA))).await;
    let machine = configured();
    insta::assert_snapshot!(doctor(&machine, &aws, &[], &KEYS).await);
    assert_eq!(aws.calls(), ["GetCallerIdentity in eu-central-1"]);
    let named = doctor(&machine, &aws, &["--set", "cluster.eks.region=eu-north-1"], &KEYS).await;
    assert!(named.contains("eu-north-1, by the profile"), "{named}");
    let both = doctor(&machine, &aws, &[], &[&KEYS[..], &[("AWS_PROFILE", "dev")]].concat()).await;
    assert!(both.contains("environment variables, which take precedence over AWS profile dev"), "{both}");
}

#[tokio::test]
async fn account_in_china_is_in_its_own_partition() {
    let aws = Aws::start(with("AKIAADA", AccessKey::Of("arn:aws-cn:iam::123456789012:user/ada"))).await;
    let said = doctor(&Machine::new(), &aws, &["--set", "cluster.eks.region=cn-north-1"], &KEYS).await;
    assert!(said.contains("123456789012 in partition aws-cn"), "{said}");
}

#[tokio::test]
async fn each_source_of_credentials_is_named() {
    let end = r#"{"accessToken":"token","expiresAt":"2100-01-01T00:00:00Z"}"#;
    let machine = configured();
    machine.write(LOGIN, end);
    let program = r#"echo '{"Version":1,"AccessKeyId":"AKIAADA","SecretAccessKey":"very-secret"}'"#;
    machine.program("credentials", program).await;
    machine.write("home/.aws/config", &CONFIG.replace("PROGRAM", "credentials"));
    let token = machine.write("work/token", "good").display().to_string();
    let web: Variables = &[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let region = ("AWS_REGION", "eu-central-1");
    for (source, variables, calls) in [
        ("AWS profile dev (keys in its file)", &[("AWS_PROFILE", "dev")][..], 1),
        ("AWS profile corp (SSO session corp); they expire in 2 h 0 min", &[("AWS_PROFILE", "corp")], 2),
        ("AWS profile program (credential_process)", &[("AWS_PROFILE", "program")], 1),
        ("the web identity token of AWS_WEB_IDENTITY_TOKEN_FILE; they expire in 2 h 0 min", web, 2),
        ("AWS profile role (role, assumed with dev)", &[("AWS_PROFILE", "role")], 2),
        ("the credentials endpoint of this container; they expire in 2 h 0 min", &[region], 2),
        ("the instance metadata service of EC2; they expire in 2 h 0 min", &[region], 4),
    ] {
        let mut rules = with("AKIAADA", AccessKey::Of(ADA));
        rules.keys.insert("AKIADEV", AccessKey::Of(ADA));
        rules.sso_key = Some("AKIAADA");
        rules.web_identity_key = Some("AKIAADA");
        rules.instance_key = Some("AKIAADA");
        let aws = Aws::start(rules).await;
        let uri = format!("{}/container", aws.address);
        let mut variables = variables.to_vec();
        if source.starts_with("the credentials endpoint") {
            variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri));
        }
        let said = doctor(&machine, &aws, &[], &variables).await;
        assert!(said.contains(source) && said.contains(ADA), "{source}: {said}");
        assert!(said.ends_with("exit status 0\n"), "{said}");
        assert_eq!(aws.calls().len(), calls, "{source}: {:?}", aws.calls());
    }
}

#[tokio::test]
async fn absent_credentials_and_region_have_remedies() {
    let aws = Aws::start(AwsRules::default()).await;
    let machine = configured();
    insta::assert_snapshot!("no_region", doctor(&machine, &aws, &[], &[]).await);
    let region = [("AWS_REGION", "eu-central-1")];
    insta::assert_snapshot!("no_credentials", doctor(&machine, &aws, &[], &region).await);
    insta::assert_snapshot!(
        "malformed_region",
        doctor(&machine, &aws, &[], &[("AWS_REGION", "Frankfurt")]).await
    );
    let other = [("AWS_REGION", "eu-central-1"), ("AWS_PROFILE", "nope")];
    insta::assert_snapshot!("no_such_profile", doctor(&machine, &aws, &[], &other).await);
}

#[tokio::test]
async fn expired_sessions_and_expired_logins_have_different_messages() {
    let aws = Aws::start(with("AKIAADA", AccessKey::Expired)).await;
    let machine = configured();
    let session = [&KEYS[..], &[("AWS_SESSION_TOKEN", "session-secret")]].concat();
    insta::assert_snapshot!("expired_session", doctor(&machine, &aws, &[], &session).await);
    let corp = [("AWS_PROFILE", "corp")];
    insta::assert_snapshot!("no_login", doctor(&machine, &aws, &[], &corp).await);
    machine.write(LOGIN, r#"{"accessToken":"sso-secret","expiresAt":"2026-01-01T00:00:00Z"}"#);
    insta::assert_snapshot!("expired_login", doctor(&machine, &aws, &[], &corp).await);
    // IAM Identity Center has ended the session before its date.
    machine.write(LOGIN, r#"{"accessToken":"sso-secret","expiresAt":"2100-01-01T00:00:00Z"}"#);
    insta::assert_snapshot!("rejected_login", doctor(&machine, &aws, &[], &corp).await);
    let token = machine.write("work/token", "old").display().to_string();
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod"),
        ("AWS_REGION", "eu-central-1"),
    ];
    insta::assert_snapshot!("expired_web_identity", doctor(&machine, &aws, &[], &web).await);
}

#[tokio::test]
async fn wrong_clock_is_not_reported_as_wrong_credentials() {
    for (minutes, direction) in
        [(7, "7 min behind the clock of AWS"), (-7, "7 min ahead of the clock of AWS")]
    {
        let rules =
            AwsRules { ahead: SignedDuration::from_mins(minutes), ..with("AKIAADA", AccessKey::Of(ADA)) };
        let said = doctor(&Machine::new(), &Aws::start(rules).await, &[], &KEYS).await;
        assert!(said.contains(direction) && said.contains("timedatectl"), "{said}");
        assert!(said.ends_with("exit status 3\n"), "{said}");
    }
}

#[tokio::test]
async fn wrong_and_unknown_keys_have_their_own_messages() {
    let aws = Aws::start(with("AKIAADA", AccessKey::WrongSecret)).await;
    insta::assert_snapshot!("wrong_secret", doctor(&Machine::new(), &aws, &[], &KEYS).await);
    let aws = Aws::start(AwsRules::default()).await;
    insta::assert_snapshot!("unknown_key", doctor(&Machine::new(), &aws, &[], &KEYS).await);
}

#[tokio::test]
async fn regions_that_are_off_or_absent_are_not_reported_as_wrong_credentials() {
    let first = ("us-east-1", "opt-in-not-required");
    for (name, region, listed) in [
        ("region_off", "me-south-1", vec![first, ("me-south-1", "not-opted-in")]),
        ("region_off_without_the_permission", "me-south-1", vec![]),
        ("region_without_sts", "me-south-1", vec![first, ("me-south-1", "opted-in")]),
        ("region_absent", "eu-centrall-1", vec![first, ("eu-central-1", "opt-in-not-required")]),
        ("region_silent", "eu-centrall-1", vec![]),
    ] {
        let mut rules = AwsRules { listed, ..with("AKIAADA", AccessKey::Of(ADA)) };
        match region {
            "me-south-1" => rules.off.insert(region),
            _ => rules.absent.insert(region),
        };
        let aws = Aws::start(rules).await;
        let set = format!("cluster.eks.region={region}");
        insta::assert_snapshot!(name, doctor(&Machine::new(), &aws, &["--set", &set], &KEYS).await);
        let calls = aws.calls();
        let (last, before) = (&calls[calls.len() - 1], &calls[calls.len() - 2]);
        assert_eq!([before, last], ["GetCallerIdentity in us-east-1", "DescribeRegions in us-east-1"]);
    }
}

#[tokio::test]
async fn endpoint_that_is_silent_or_closed_ends_the_wait() {
    let start = std::time::Instant::now();
    let aws = Aws::start(AwsRules { silent: true, ..with("AKIAADA", AccessKey::Of(ADA)) }).await;
    let said = doctor(&Machine::new(), &aws, &[], &KEYS).await;
    assert!(said.contains("no answer from STS at ADDRESS in "), "{said}");
    assert!(said.contains("HTTPS_PROXY") && said.ends_with("exit status 3\n"), "{said}");
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    let closed = [&KEYS[..], &[("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")]].concat();
    let said = doctor(&Machine::new(), &aws, &[], &closed).await;
    assert!(said.contains("no answer from STS at http://127.0.0.1:1 in 0 s"), "{said}");
}

#[tokio::test]
async fn second_factor_and_failing_program_are_named() {
    let aws = Aws::start(AwsRules::default()).await;
    let machine = configured();
    let second = [("AWS_PROFILE", "second"), ("AWS_REGION", "eu-central-1")];
    insta::assert_snapshot!("second_factor", doctor(&machine, &aws, &[], &second).await);
    insta::assert_snapshot!("program", doctor(&machine, &aws, &[], &[("AWS_PROFILE", "program")]).await);
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named() {
    let aws = Aws::start(AwsRules::default()).await;
    let machine = Machine::new();
    let bundle = machine.write("work/ca.pem", "hello").display().to_string();
    let variables = [&KEYS[..], &[("AWS_CA_BUNDLE", bundle.as_str())]].concat();
    insta::assert_snapshot!("unusable_bundle", doctor(&machine, &aws, &[], &variables).await);
    let none = [&KEYS[..], &[("SSL_CERT_FILE", "/nonexistent")]].concat();
    insta::assert_snapshot!("no_certificates", doctor(&machine, &aws, &[], &none).await);
    assert_eq!(aws.calls(), [""; 0]);
}

#[tokio::test]
async fn verbs_that_create_a_cluster_refuse_profile_eks() {
    let machine = Machine::new();
    for verb in [&["up", "--yes"][..], &["plan"], &["destroy", "--yes"], &["status"]] {
        let (status, said) = run(machine.devplat(&[verb, &["--profile", "eks"]].concat())).await;
        assert_eq!(status, 2, "{verb:?}: {said}");
        assert!(said.contains("this devplat does not create clusters in AWS yet"), "{verb:?}: {said}");
        assert!(said.contains("hint: check the AWS account: `devplat doctor --profile eks`"), "{said}");
    }
    assert!(!machine.at("home/.local/state/devplat").exists(), "{:?}", machine.home());
}
