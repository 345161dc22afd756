package main

import (
	"os"
	"path/filepath"
)

// The folders and files of k3s, which k3d, devplat and users expect at these paths.
const (
	state            = "/var/lib/rancher/k3s"
	serverState      = state + "/server"
	tlsState         = serverState + "/tls"
	etcdState        = serverState + "/db/etcd"
	manifestsFolder  = serverState + "/manifests"
	agentState       = state + "/agent"
	containerdState  = agentState + "/containerd"
	containerdConfig = agentState + "/etc/containerd/config.toml"
	certsFolder      = agentState + "/etc/containerd/certs.d"
	cniFolder        = agentState + "/etc/cni/net.d"
	crictlConfig     = agentState + "/etc/crictl.yaml"
	registriesFile   = "/etc/rancher/k3s/registries.yaml"
	kubeconfigFile   = "/etc/rancher/k3s/k3s.yaml"
	containerdSocket = "/run/k3s/containerd/containerd.sock"
	kubeletState     = "/var/lib/kubelet"
	logFolder        = "/var/log/k3s"
)

// writeFile replaces a file, so that readers see the old or the new content, and creates its folder.
func writeFile(file string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	partial := file + ".partial"
	if err := os.WriteFile(partial, content, mode); err != nil {
		return err
	}
	return os.Rename(partial, file)
}
