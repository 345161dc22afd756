//! Contexts that do not work, each with its own error.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use devplat_kubernetes::{
    Steady,
    connect::{NoPlugins, ProxyRules},
    context::{self, Context, ContextError, ReachedCluster},
};
use kube::config::Kubeconfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::cluster::bare;

#[tokio::test]
async fn administrator_has_access() {
    let reached = reach(bare::kubeconfig().await).await.unwrap();
    assert!(reached.version.starts_with("v1."), "{reached:?}");
}

#[tokio::test]
async fn missing_rights_are_listed() {
    let mut kubeconfig = bare::kubeconfig().await;
    each_user(&mut kubeconfig, |user| {
        user.impersonate = Some("nobody".to_owned());
        user.impersonate_groups = Some(vec!["system:authenticated".to_owned()]);
    });
    let error = reach(kubeconfig).await.unwrap_err();
    let ContextError::Forbidden { missing, .. } = &error else { panic!("{error}") };
    assert!(missing.contains(&"get/create/patch/delete namespaces".to_owned()), "{missing:?}");
    assert!(missing.contains(&"get/create/patch/delete customresourcedefinitions".to_owned()));
    assert!(error.hints()[0].contains("administrator"), "{:?}", error.hints());
}

#[tokio::test]
async fn unknown_token_is_reported() {
    let mut kubeconfig = bare::kubeconfig().await;
    each_user(&mut kubeconfig, |user| {
        *user = kube::config::AuthInfo { token: Some("made-up".to_owned().into()), ..Default::default() };
    });
    let error = reach(kubeconfig).await.unwrap_err();
    assert!(matches!(error, ContextError::Unauthorized { .. }), "{error:?}");
}

#[tokio::test]
async fn untrusted_certificate_is_reported() {
    let mut kubeconfig = bare::kubeconfig().await;
    for cluster in &mut kubeconfig.clusters {
        let cluster = cluster.cluster.as_mut().unwrap();
        cluster.insecure_skip_tls_verify = None;
        cluster.certificate_authority = None;
        cluster.certificate_authority_data = Some(OTHER_AUTHORITY.to_owned());
    }
    let error = reach(kubeconfig).await.unwrap_err();
    assert!(matches!(error, ContextError::Untrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn absent_server_is_reported() {
    // A port that was bound and released, so that no process listens on it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = reach(plain(&address.to_string())).await.unwrap_err();
    let ContextError::Unreachable { server, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*server, format!("http://{address}"));
}

#[tokio::test]
async fn server_without_answers_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let error = tokio::time::timeout(Duration::from_secs(20), reach(plain(&address.to_string())))
        .await
        .expect("it has a bound")
        .unwrap_err();
    assert!(matches!(error, ContextError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn unsupported_version_is_reported_with_the_supported_ones() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let old = tokio::spawn(answer_with_version(listener, "24"));
    let error = reach(plain(&address.to_string())).await.unwrap_err();
    old.abort();
    assert_eq!(
        error.to_string(),
        format!(
            r#"cluster of context "test" runs Kubernetes v1.24.1; devplat works with 1.{} to 1.{}"#,
            context::OLDEST,
            context::NEWEST
        )
    );
}

async fn reach(kubeconfig: Kubeconfig) -> Result<ReachedCluster, ContextError> {
    let context: Context = context::find(&kubeconfig, None)?.expect("there is a current context");
    let (proxies, clock) = (ProxyRules::default(), Arc::new(SystemTime::now));
    let client = context::client(&kubeconfig, &context.name, &proxies, Arc::new(NoPlugins), clock).await?;
    context::reach(&client, &context, &Steady).await
}

fn each_user(kubeconfig: &mut Kubeconfig, change: impl Fn(&mut kube::config::AuthInfo)) {
    for user in &mut kubeconfig.auth_infos {
        change(user.auth_info.as_mut().unwrap());
    }
}

fn plain(address: &str) -> Kubeconfig {
    Kubeconfig::from_yaml(&format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: 'http://{address}'}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
         users: [{{name: test, user: {{}}}}]\n"
    ))
    .unwrap()
}

/// Answers every request with a version.
async fn answer_with_version(listener: TcpListener, minor: &str) {
    let body = serde_json::json!({
        "major": "1", "minor": minor, "gitVersion": format!("v1.{minor}.1"), "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""
    })
    .to_string();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length";
        stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    }
}

/// An unrelated certificate authority, in base64 as in a kubeconfig. Its key no longer exists.
const OTHER_AUTHORITY: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJlakNDQVNHZ0F3SUJBZ0lVWG0wVWV1MmoyVFZZcW1LQndvT2NZRDBm\
     ZUZvd0NnWUlLb1pJemowRUF3SXcKRWpFUU1BNEdBMVVFQXd3SFlXNXZkR2hsY2pBZ0Z3MHlOakV4TWpNeU1UTTNOREZhR0E4\
     eU1USTJNVEF6TURJeApNemMwTVZvd0VqRVFNQTRHQTFVRUF3d0hZVzV2ZEdobGNqQlpNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NN\
     NDlBd0VICkEwSUFCRU45bFNVUlU3cWVVNmpobXpjdXc2MlorYVZBdmtUM0ZPcXc4cFdSZi9sMFFGUEYrZG1sMFc1UmI3Um8K\
     d2xocEh6R1crT1ZaRjJlMEVFMlpaVEZ0S2x5alV6QlJNQjBHQTFVZERnUVdCQlNlNzU5aTdMRGZVTEgvQXA2SgpscDRVNDUv\
     OFZ6QWZCZ05WSFNNRUdEQVdnQlNlNzU5aTdMRGZVTEgvQXA2SmxwNFU0NS84VnpBUEJnTlZIUk1CCkFmOEVCVEFEQVFIL01B\
     b0dDQ3FHU000OUJBTUNBMGNBTUVRQ0lHRkZvbE5vVTl5VXZtcTRFNkpoR3FXODRENjQKUGlFazRyK2hoTUZHZlA2M0FpQVl4\
     dmZGdUgweVA0MjA3czRPL1R4N2w1aHhYVDNvdFpzTGNRSlJmd1k1WFE9PQotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg==";
