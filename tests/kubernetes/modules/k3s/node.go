package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	_ "embed"
)

const (
	podRange       = "10.42.0.0/16"
	firstPodRange  = "10.42.0.0/24"
	serviceRange   = "10.43.0.0/16"
	serviceAddress = "10.43.0.1"
	dnsAddress     = "10.43.0.10"
	apiPort        = "6443"

	kubeletConfig     = agentState + "/etc/kubelet.yaml"
	kubeletKubeconfig = agentState + "/kubelet.kubeconfig"
	proxyKubeconfig   = agentState + "/kubeproxy.kubeconfig"
	networkConfig     = cniFolder + "/10-k3s.conflist"
)

//go:embed files/containerd.toml
var containerdTemplate string

//go:embed files/kubelet.yaml
var kubeletTemplate string

// A node of the cluster: what servers and agents have in common.
type node struct {
	options
	processes *processes
	address   string
}

func newNode(o options) *node { return &node{options: o, processes: newProcesses()} }

// findAddress sets the address of this start; Docker may give another one at the next.
func (n *node) findAddress() (err error) {
	n.address = n.nodeIP
	if n.address == "" {
		n.address, err = ownAddress()
	}
	return err
}

// startContainerd returns as soon as the process runs, before it accepts connections.
func (n *node) startContainerd() error {
	if err := renderRegistries(registriesFile, certsFolder); err != nil {
		return err
	}
	if err := render(containerdConfig, containerdTemplate, map[string]any{
		"Root": containerdState, "Socket": containerdSocket, "Certs": certsFolder, "Network": cniFolder,
		"NoSysResource": lacksSysResource(),
	}); err != nil {
		return err
	}
	crictl := fmt.Sprintf("runtime-endpoint: unix://%s\n", containerdSocket)
	if err := writeFile(crictlConfig, []byte(crictl), 0o644); err != nil {
		return err
	}
	return n.processes.start("containerd", "--config", containerdConfig)
}

// accepts reports whether a process accepts connections at an address.
func accepts(network, address string) bool {
	connection, err := net.Dial(network, address)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

// startWorkers runs what every node has, with the credentials in the agent's folder.
func (n *node) startWorkers(ctx context.Context, server string, podCIDR string, arguments workerArguments) error {
	for kubeconfig, certificate := range map[string]string{
		kubeletKubeconfig: "client-kubelet", proxyKubeconfig: "client-kube-proxy",
	} {
		path := filepath.Join(agentState, certificate)
		if err := writeKubeconfig(kubeconfig, server, filepath.Join(agentState, "server-ca.crt"), path); err != nil {
			return err
		}
	}
	if err := n.writeNetworkConfig(podCIDR); err != nil {
		return err
	}
	nameServers, err := resolvConf()
	if err != nil {
		return err
	}
	if err := render(kubeletConfig, kubeletTemplate, map[string]any{
		"Agent": agentState, "Name": n.nodeName, "DNS": dnsAddress, "Socket": containerdSocket,
		"ResolvConf": nameServers, "State": kubeletState,
	}); err != nil {
		return err
	}
	if err := n.poll(ctx, 20*time.Millisecond, func() bool { return accepts("unix", containerdSocket) }); err != nil {
		return err
	}
	info("Containerd is now running")
	kubelet := append([]string{
		"--config=" + kubeletConfig, "--kubeconfig=" + kubeletKubeconfig, "--hostname-override=" + n.nodeName,
		"--node-ip=" + n.address, "--cert-dir=" + agentState,
	}, n.extra["kubelet"]...)
	proxy := append([]string{
		"--kubeconfig=" + proxyKubeconfig, "--hostname-override=" + n.nodeName, "--cluster-cidr=" + podRange,
		"--proxy-mode=iptables", "--healthz-bind-address=127.0.0.1:10256",
		// The limits for connections are the host's, and a container must not change them.
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
	}, n.extra["kube-proxy"]...)
	network := []string{"--kubeconfig=" + kubeletKubeconfig, "--node=" + n.nodeName, "--pods=" + podRange, "--config=" + networkConfig}
	if arguments.grantWith != "" {
		network = append(network, "--grant-with="+arguments.grantWith)
	}
	if !arguments.policies {
		network = append(network, "--policies=false")
	}
	for _, program := range []struct {
		name      string
		arguments []string
	}{{"kubelet", kubelet}, {"kube-proxy", proxy}, {"node-network", network}} {
		if err := n.processes.start(program.name, program.arguments...); err != nil {
			return err
		}
	}
	return nil
}

type workerArguments struct {
	// A kubeconfig that may grant the nodes what node-network reads.
	grantWith string
	// Whether NetworkPolicies are enforced.
	policies bool
}

// writeNetworkConfig lets pods start before node-network receives this node's range from the API server.
func (n *node) writeNetworkConfig(podCIDR string) error {
	text, err := os.ReadFile("/usr/local/share/node-network.conflist")
	if err != nil {
		return err
	}
	return writeFile(networkConfig, []byte(strings.ReplaceAll(string(text), "POD_CIDR", podCIDR)), 0o644)
}

func render(file, text string, values map[string]any) error {
	parsed, err := template.New(file).Option("missingkey=error").Parse(text)
	if err != nil {
		return err
	}
	var out strings.Builder
	if err := parsed.Execute(&out, values); err != nil {
		return err
	}
	return writeFile(file, []byte(out.String()), 0o600)
}
