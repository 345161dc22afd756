// The network of a node in a container, where kind's own nodes have kindnet and k3s has flannel and a policy controller:
// routes to the pods of other nodes, this node's range of pod addresses for the CNI plugins, the source address of
// traffic that leaves the cluster, and NetworkPolicies. The nodes are on one Docker network, so a plain route through
// the other node's address leads to its pods.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const pollInterval = 200 * time.Millisecond

type options struct {
	kubeconfig string
	grantWith  string
	node       string
	first      string
	pods       string
	config     string
	policies   bool
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "credentials of the kubelet")
	flag.StringVar(&o.grantWith, "grant-with", "", "credentials that may grant nodes what this reads; left out where there is no such file")
	flag.StringVar(&o.node, "node", "", "name of this node; the host's name where left out")
	flag.StringVar(&o.first, "first", "", "range of the node that has --grant-with, used before the API server confirms it")
	flag.StringVar(&o.pods, "pods", "", "range of the addresses of all pods")
	flag.StringVar(&o.config, "config", "", "CNI configuration to keep")
	flag.BoolVar(&o.policies, "policies", true, "whether NetworkPolicies are enforced")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := run(ctx, o); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.node == "" {
		if o.node, err = os.Hostname(); err != nil {
			return err
		}
	}
	if err := masquerade(o.pods); err != nil {
		return err
	}
	_, err = os.Stat(o.grantWith)
	grants := err == nil
	if _, err := os.Stat(o.config); err != nil && grants && o.first != "" {
		if err := writeConfig(o.config, o.first); err != nil {
			return err
		}
	}
	client, err := connect(ctx, o.kubeconfig)
	if err != nil {
		return err
	}
	if grants {
		admin, err := connect(ctx, o.grantWith)
		if err != nil {
			return err
		}
		if err := grant(ctx, admin); err != nil {
			return err
		}
	}
	// A rejected informer retries after ever longer pauses, so wait for the rights first.
	granted := func(ctx context.Context) (bool, error) {
		_, err := client.NetworkingV1().NetworkPolicies("").List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil, nil
	}
	if err := wait.PollUntilContextCancel(ctx, pollInterval, true, granted); err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	tasks, ctx := errgroup.WithContext(ctx)
	routes := newRoutes(o.node, o.config, factory.Core().V1().Nodes())
	tasks.Go(func() error { return routes.run(ctx) })
	if o.policies {
		controller, err := newPolicies(client, factory)
		if err != nil {
			return err
		}
		tasks.Go(func() error { return controller.Run(ctx) })
	}
	factory.Start(ctx.Done())
	return tasks.Wait()
}

// connect returns a client once the API server is ready.
func connect(ctx context.Context, kubeconfig string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	ready := func(ctx context.Context) (bool, error) {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	}
	return client, wait.PollUntilContextCancel(ctx, pollInterval, true, ready)
}

func command(name string, arguments ...string) error {
	if said, err := exec.Command(name, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, arguments, err, said)
	}
	return nil
}

// iptablesRule appends a rule unless it is there.
func iptablesRule(table, chain string, rule ...string) error {
	arguments := func(verb string) []string {
		return append([]string{"--wait", "--table", table, verb, chain}, rule...)
	}
	if command("iptables", arguments("--check")...) == nil {
		return nil
	}
	return command("iptables", arguments("--append")...)
}
