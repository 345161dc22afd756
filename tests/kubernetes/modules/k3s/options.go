package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// The components that `--disable` of k3s accepts. Of these, the stand-in has coredns and local-storage.
var packaged = []string{"coredns", "local-storage", "metrics-server", "servicelb", "traefik"}

// The options of k3s, from its arguments and environment.
type options struct {
	role                 string
	token                string
	serverURL            string
	clusterInit          bool
	disableNetworkPolicy bool
	disabled             map[string]bool
	tlsSANs              []string
	nodeName             string
	nodeIP               string
	nodeLabels           []string
	nodeTaints           []string
	// The kubeconfig is also written here.
	kubeconfigOutput string
	// Arguments for single components, as `--kubelet-arg KEY=VALUE` gives them.
	extra map[string][]string
}

// parseOptions is strict: an option that the stand-in lacks ends the node instead of being ignored.
func parseOptions(role string, arguments []string, environment func(string) string) (options, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return options{}, err
	}
	o := options{role: role, disabled: map[string]bool{}, extra: map[string][]string{}}
	o.kubeconfigOutput = environment("K3S_KUBECONFIG_OUTPUT")
	flags := flag.NewFlagSet(role, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.token, "token", environment("K3S_TOKEN"), "")
	flags.StringVar(&o.serverURL, "server", environment("K3S_URL"), "")
	flags.StringVar(&o.nodeName, "node-name", or(environment("K3S_NODE_NAME"), hostname), "")
	flags.StringVar(&o.nodeIP, "node-ip", "", "")
	lists(flags, &o.nodeLabels, "node-label")
	lists(flags, &o.nodeTaints, "node-taint")
	o.extraFor(flags, "kubelet", "kube-proxy")
	if role == "server" {
		flags.BoolVar(&o.clusterInit, "cluster-init", false, "")
		flags.BoolVar(&o.disableNetworkPolicy, "disable-network-policy", false, "")
		lists(flags, &o.tlsSANs, "tls-san")
		flags.Func("disable", "", o.disable)
		o.extraFor(flags, "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
	}
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if role == "agent" && (o.serverURL == "" || o.token == "") {
		return options{}, errors.New("an agent needs --server and --token, or K3S_URL and K3S_TOKEN")
	}
	if o.clusterInit && o.serverURL != "" {
		return options{}, errors.New("--cluster-init starts a cluster and --server joins one; give only one of them")
	}
	o.token = passwordOf(o.token)
	return o, nil
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// Lists are repeated, or separated by commas.
func lists(flags *flag.FlagSet, into *[]string, name string) {
	flags.Func(name, "", func(value string) error {
		for _, one := range strings.Split(value, ",") {
			if one != "" {
				*into = append(*into, one)
			}
		}
		return nil
	})
}

func (o *options) extraFor(flags *flag.FlagSet, components ...string) {
	for _, component := range components {
		flags.Func(component+"-arg", "", func(value string) error {
			o.extra[component] = append(o.extra[component], "--"+value)
			return nil
		})
	}
}

func (o *options) disable(value string) error {
	for _, name := range strings.Split(value, ",") {
		known := false
		for _, one := range packaged {
			known = known || one == name
		}
		if !known {
			return fmt.Errorf("%q is not one of %s", name, strings.Join(packaged, ", "))
		}
		o.disabled[name] = true
	}
	return nil
}

// passwordOf also reads the form of tokens that k3s itself writes, K10HASH::USER:PASSWORD.
func passwordOf(token string) string {
	if _, after, found := strings.Cut(token, "::"); found && strings.HasPrefix(token, "K10") {
		_, password, _ := strings.Cut(after, ":")
		return password
	}
	return token
}
