package main

import (
	"slices"
	"strings"
	"testing"
)

func parse(role string, environment map[string]string, arguments ...string) (options, error) {
	return parseOptions(role, arguments, func(name string) string { return environment[name] })
}

func TestServerTakesTheArgumentsThatK3dGives(t *testing.T) {
	o, err := parse("server", map[string]string{"K3S_TOKEN": "secret", "K3S_KUBECONFIG_OUTPUT": "/output/kubeconfig.yaml"},
		"--disable=traefik", "--disable", "servicelb,metrics-server", "--kubelet-arg=max-pods=20", "--kubelet-arg", "v=2",
		"--node-label", "a=b", "--tls-san", "0.0.0.0", "--tls-san", "k3d-x-serverlb", "--cluster-init")
	if err != nil {
		t.Fatal(err)
	}
	if !o.disabled["traefik"] || !o.disabled["servicelb"] || !o.disabled["metrics-server"] || o.disabled["coredns"] {
		t.Errorf("disabled: %v", o.disabled)
	}
	if want := []string{"--max-pods=20", "--v=2"}; !slices.Equal(o.extra["kubelet"], want) {
		t.Errorf("kubelet arguments: %v", o.extra["kubelet"])
	}
	if want := []string{"0.0.0.0", "k3d-x-serverlb"}; !slices.Equal(o.tlsSANs, want) {
		t.Errorf("names: %v", o.tlsSANs)
	}
	if o.token != "secret" || !o.clusterInit || o.kubeconfigOutput != "/output/kubeconfig.yaml" {
		t.Errorf("options: %+v", o)
	}
}

func TestUnknownArgumentsAreRejected(t *testing.T) {
	for argument, reported := range map[string]string{
		"--flannel-backend=none": "flannel-backend",
		"--disable=nonsense":     "nonsense",
		"positional":             "positional",
	} {
		if _, err := parse("server", nil, argument); err == nil || !strings.Contains(err.Error(), reported) {
			t.Errorf("%s: %v", argument, err)
		}
	}
	if _, err := parse("agent", map[string]string{"K3S_URL": "https://x:6443", "K3S_TOKEN": "y"}, "--disable=traefik"); err == nil {
		t.Error("an agent accepts --disable")
	}
}

func TestAgentNeedsServerAndToken(t *testing.T) {
	if _, err := parse("agent", map[string]string{"K3S_URL": "https://x:6443"}); err == nil {
		t.Error("an agent starts without a token")
	}
	o, err := parse("agent", map[string]string{"K3S_URL": "https://x:6443", "K3S_TOKEN": "K10abcdef::server:secret"})
	if err != nil || o.serverURL != "https://x:6443" || o.token != "secret" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestTaintsAreParsed(t *testing.T) {
	taints, err := parseTaints([]string{"dedicated=gpu:NoSchedule", "plain:NoExecute"})
	if err != nil || len(taints) != 2 || taints[0]["value"] != "gpu" || taints[1]["key"] != "plain" || taints[1]["effect"] != "NoExecute" {
		t.Errorf("%v, %v", taints, err)
	}
	if _, err := parseTaints([]string{"no-effect"}); err == nil {
		t.Error("a taint without an effect is accepted")
	}
}
