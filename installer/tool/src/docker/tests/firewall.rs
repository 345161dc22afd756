//! Engines without IPv6, and engines that leave the firewall of their machine alone, from recordings of Docker 20.10.

use super::*;

const NETWORK: &str = r#"{"Name":"devplat-a","Id":"n1","Scope":"local","Driver":"bridge","EnableIPv6":false,
    "IPAM":{"Driver":"default","Options":null,"Config":[{"Subnet":"172.18.0.0/16","Gateway":"172.18.0.1"}]},
    "Internal":false,"Containers":{},"Options":{},"Labels":{}}"#;

/// An engine that creates [`NETWORK`].
fn creating() -> Recorded {
    Recorded::new()
        .answer("GET /networks/devplat-a", 200, NETWORK)
        .answer_after(1, "GET /networks", 200, format!("[{NETWORK}]"))
        .answer("GET /networks", 200, "[]")
        .answer("POST /networks/create", 201, r#"{"Id":"n1","Warning":""}"#)
}

/// A running node whose port is published on the addresses that `bound` lists.
fn node(bound: &str) -> String {
    format!(
        r#"{{"Id":"c1","Name":"/a-control-plane","State":{{"Running":true}},
        "HostConfig":{{"PortBindings":{{"30022/tcp":[{{"HostIp":"","HostPort":""}}]}}}},
        "NetworkSettings":{{"Ports":{{"30022/tcp":[{bound}]}},
        "Networks":{{"devplat-a":{{"IPAddress":"172.18.0.2","GlobalIPv6Address":""}}}}}}}}"#
    )
}

/// As after `sysctl net.ipv6.conf.all.disable_ipv6=1`. Some engines then refuse a network with IPv6. Nothing leads to the
/// port of IPv6, which differs from that of IPv4.
#[tokio::test]
async fn engine_without_ipv6_gets_a_network_and_ports_of_ipv4() {
    let (four, six) = (r#"{"HostIp":"0.0.0.0","HostPort":"32770"}"#, r#"{"HostIp":"::","HostPort":"32769"}"#);
    for bound in [four.to_owned(), format!("{four},{six}"), format!("{six},{four}")] {
        let recorded = creating().answer("GET /containers/c1/json", 200, node(&bound)).serve().await;
        let engine = recorded.engine();
        assert_eq!(engine.create_network("devplat-a", &[], None).await.unwrap(), "n1");
        let sent = recorded.sent("POST /networks/create");
        assert_ne!(sent["EnableIPv6"], true, "{sent}");
        assert_eq!(engine.network("devplat-a").await.unwrap().unwrap().subnets, ["172.18.0.0/16"]);
        let node = engine.container("c1").await.unwrap().unwrap();
        let binding = node.binding(30022).unwrap();
        assert_eq!((binding.reached_at().to_string(), binding.port), ("127.0.0.1".to_owned(), 32770));
        assert_eq!(node.networks["devplat-a"], "172.18.0.2");
    }
}

/// With `"iptables": false`, the answers of an engine are as without it. Its proxy listens on each published port.
#[tokio::test]
async fn engine_without_iptables_gets_the_same_network_and_ports() {
    let info = r#"{"ID":"A","ServerVersion":"20.10.24+dfsg1","DockerRootDir":"/","IPv4Forwarding":true,
        "BridgeNfIptables":true,"BridgeNfIp6tables":true,"Warnings":null}"#;
    let bound = r#"{"HostIp":"127.0.0.1","HostPort":"32769"}"#;
    let recorded = creating()
        .answer("GET /info", 200, info)
        .answer("GET /containers/c1/json", 200, node(bound))
        .serve()
        .await;
    let engine = recorded.engine();
    assert_eq!(engine.info().await.unwrap().version, "20.10.24+dfsg1");
    assert_eq!(engine.create_network("devplat-a", &[], None).await.unwrap(), "n1");
    let sent = recorded.sent("POST /networks/create");
    assert_eq!(sent["Driver"], "bridge");
    assert!(sent["Options"].is_null(), "an option could need a rule of the firewall: {sent}");
    let node = engine.container("c1").await.unwrap().unwrap();
    let binding = node.binding(30022).unwrap();
    assert_eq!((binding.reached_at().to_string(), binding.port), ("127.0.0.1".to_owned(), 32769));
}
