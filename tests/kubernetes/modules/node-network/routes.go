package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	coreinformers "k8s.io/client-go/informers/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	// Marks our routes in the kernel's table, so that those of an earlier start are found.
	protocol = "117"
	// A configuration with POD_CIDR in place of this node's range.
	configTemplate = "/usr/local/share/node-network.conflist"
	retryAfter     = time.Second
)

// masquerade gives traffic of pods the node's address where it leaves the cluster. Between pods the address stays, since
// NetworkPolicies judge by it.
func masquerade(pods string) error {
	return iptablesRule("nat", "POSTROUTING", "--source", pods, "!", "--destination", pods,
		"--match", "addrtype", "!", "--dst-type", "LOCAL", "--jump", "MASQUERADE")
}

// Routes to the pods of other nodes, and this node's CNI configuration.
type routes struct {
	node    string
	config  string
	nodes   listers.NodeLister
	synced  cache.InformerSynced
	changed chan struct{}
}

func newRoutes(node, config string, informer coreinformers.NodeInformer) *routes {
	r := &routes{node: node, config: config, nodes: informer.Lister(), changed: make(chan struct{}, 1)}
	r.synced = informer.Informer().HasSynced
	// A node's heartbeats are leases, so few of these changes concern anything else.
	_, _ = informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { r.notify() },
		UpdateFunc: func(any, any) { r.notify() },
		DeleteFunc: func(any) { r.notify() },
	})
	return r
}

func (r *routes) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *routes) run(ctx context.Context) error {
	if !cache.WaitForCacheSync(ctx.Done(), r.synced) {
		return ctx.Err()
	}
	set, err := existingRoutes()
	if err != nil {
		return err
	}
	for {
		if err := r.apply(set); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			time.AfterFunc(retryAfter, r.notify)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.changed:
		}
	}
}

// apply changes the routes in the kernel, `set`, to those that the nodes need.
func (r *routes) apply(set map[string]string) error {
	nodes, err := r.nodes.List(labels.Everything())
	if err != nil {
		return err
	}
	wanted := map[string]string{}
	for _, node := range nodes {
		if node.Name == r.node {
			if err := writeConfig(r.config, node.Spec.PodCIDR); err != nil {
				return err
			}
		} else if address := addressOf(node); address != "" && isIPv4(node.Spec.PodCIDR) {
			wanted[node.Spec.PodCIDR] = address
		}
	}
	for podCIDR := range set {
		if _, still := wanted[podCIDR]; !still {
			if err := command("ip", "route", "del", podCIDR, "proto", protocol); err != nil {
				return err
			}
			delete(set, podCIDR)
		}
	}
	for podCIDR, address := range wanted {
		if set[podCIDR] != address {
			if err := command("ip", "route", "replace", podCIDR, "via", address, "proto", protocol); err != nil {
				return err
			}
			set[podCIDR] = address
		}
	}
	return nil
}

func existingRoutes() (map[string]string, error) {
	listed, err := exec.Command("ip", "-4", "route", "show", "proto", protocol).Output()
	if err != nil {
		return nil, fmt.Errorf("ip route show: %w", err)
	}
	set := map[string]string{}
	for _, line := range strings.Split(string(listed), "\n") {
		// 10.42.1.0/24 via 172.18.0.3 dev eth0
		if fields := strings.Fields(line); len(fields) >= 3 && fields[1] == "via" {
			set[fields[0]] = fields[2]
		}
	}
	return set, nil
}

func addressOf(node *corev1.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}

func isIPv4(cidr string) bool {
	address, _, err := net.ParseCIDR(cidr)
	return err == nil && address.To4() != nil
}

// writeConfig keeps the CNI configuration at this node's range, which the API server assigns.
func writeConfig(file, podCIDR string) error {
	if !isIPv4(podCIDR) {
		return nil
	}
	text, err := os.ReadFile(configTemplate)
	if err != nil {
		return err
	}
	wanted := bytes.ReplaceAll(text, []byte("POD_CIDR"), []byte(podCIDR))
	if current, err := os.ReadFile(file); err == nil && bytes.Equal(current, wanted) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	// The name keeps containerd from reading it before it is whole.
	partial := file + ".partial"
	if err := os.WriteFile(partial, wanted, 0o644); err != nil {
		return err
	}
	return os.Rename(partial, file)
}
