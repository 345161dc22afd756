// Holds NetworkPolicies on a node, as kind's own nodes do: with kube-network-policies, which is asked for a verdict on
// the first packet of every connection. The kernel asks by a rule of iptables here, since the one of nftables that
// kube-network-policies writes is more than some kernels have; its complaint about that, once, is in the journal. Never
// stands in the way of Kubernetes: until it answers, everything is let through.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

const (
	queue = 100
	// The node's own processes, probes of the kubelet among them, are root's; those of pods are in other networks.
	nodesOwn = "0"
)

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: network-policies KUBECONFIG"))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil && ctx.Err() == nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}

func run(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// Informers that meet no API server look again after ever longer times.
	ready := func(ctx context.Context) (bool, error) {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	}
	if err := wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, ready); err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	controller, err := networkpolicy.NewController(client,
		policies{factory.Networking().V1().NetworkPolicies()}, factory.Core().V1().Namespaces(),
		pods{factory.Core().V1().Pods()}, nil, nil, nil, nil,
		networkpolicy.Config{FailOpen: true, QueueID: queue})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if err := ask(); err != nil {
		return err
	}
	return controller.Run(ctx)
}

// Has the kernel ask for packets that begin something, after their destination is that of a pod and before their source
// is that of the node. Linux before 6.12 may lose one of two DNS questions asked at once that way (netfilter bug 1766).
func ask() error {
	rule := []string{"POSTROUTING", "!", "--out-interface", "lo",
		"--match", "conntrack", "!", "--ctstate", "ESTABLISHED,RELATED",
		"--match", "owner", "!", "--uid-owner", nodesOwn,
		"--jump", "NFQUEUE", "--queue-num", strconv.Itoa(queue), "--queue-bypass"}
	iptables := func(verb string) ([]byte, error) {
		return exec.Command("iptables", append([]string{"--wait", "--table", "mangle", verb}, rule...)...).CombinedOutput()
	}
	if _, err := iptables("--check"); err == nil {
		return nil
	}
	if said, err := iptables("--append"); err != nil {
		return fmt.Errorf("iptables: %w: %s", err, said)
	}
	return nil
}

// The controller learns of changes only to write its own rules, which ours stand in for.
type (
	silent   struct{ cache.SharedIndexInformer }
	pods     struct{ coreinformers.PodInformer }
	policies struct {
		networkinginformers.NetworkPolicyInformer
	}
)

func (silent) AddEventHandler(cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	return nil, nil
}

func (p pods) Informer() cache.SharedIndexInformer { return silent{p.PodInformer.Informer()} }

func (p policies) Informer() cache.SharedIndexInformer {
	return silent{p.NetworkPolicyInformer.Informer()}
}
