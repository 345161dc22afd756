package main

import (
	"strconv"

	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

const (
	queue = 100
	// The node's own processes, such as the kubelet with its probes, are root's; those of pods are in other networks.
	nodesOwn = "0"
)

// newPolicies returns a controller that the kernel asks for a verdict on the first packet of every connection. The
// kernel asks by a rule of iptables, since some kernels lack what the nftables rules of kube-network-policies need; the
// controller reports that once in its log. Until the controller answers, every packet passes.
func newPolicies(client kubernetes.Interface, factory informers.SharedInformerFactory) (*networkpolicy.Controller, error) {
	controller, err := networkpolicy.NewController(client,
		policies{factory.Networking().V1().NetworkPolicies()}, factory.Core().V1().Namespaces(),
		pods{factory.Core().V1().Pods()}, nil, nil, nil, nil,
		networkpolicy.Config{FailOpen: true, QueueID: queue})
	if err != nil {
		return nil, err
	}
	return controller, ask()
}

// ask has the kernel queue packets that begin a connection, after their destination is that of a pod and before their
// source is that of the node. Linux before 6.12 may lose one of two concurrent DNS queries that way (netfilter bug 1766).
func ask() error {
	return iptablesRule("mangle", "POSTROUTING", "!", "--out-interface", "lo",
		"--match", "conntrack", "!", "--ctstate", "ESTABLISHED,RELATED",
		"--match", "owner", "!", "--uid-owner", nodesOwn,
		"--jump", "NFQUEUE", "--queue-num", strconv.Itoa(queue), "--queue-bypass")
}

// The controller listens for changes only to write its own rules, which are not used here.
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
