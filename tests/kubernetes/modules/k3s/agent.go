package main

import (
	"context"
	"net/http"
	"os"
	"time"
)

// An agent: a node without a control plane of its own.
func (n *node) runAgent(ctx context.Context) error {
	if err := n.findAddress(); err != nil {
		return err
	}
	if err := n.startContainerd(); err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	answer, err := n.join(ctx, joinRequest{
		Role: "agent", Name: n.nodeName, Host: hostname, Address: n.address, Labels: labelsOf(n.nodeLabels), Taints: n.nodeTaints,
	})
	if err != nil {
		return err
	}
	if err := answer.writeFiles(agentState); err != nil {
		return err
	}
	if err := n.startWorkers(ctx, n.serverURL, answer.PodCIDR, workerArguments{policies: answer.Policies}); err != nil {
		return err
	}
	api, err := newClient(n.serverURL, agentState+"/server-ca.crt", agentState+"/client-kubelet.crt")
	if err != nil {
		return err
	}
	if err := n.poll(ctx, 200*time.Millisecond, func() bool { return n.kubeletReports(ctx, api) }); err != nil {
		return err
	}
	info("Successfully registered node %s", n.nodeName)
	select {
	case <-ctx.Done():
		return nil
	case err := <-n.processes.failed:
		return err
	}
}

// kubeletReports reports whether the kubelet has written the status of its node.
func (n *node) kubeletReports(ctx context.Context, api *client) bool {
	var object struct {
		Status struct {
			NodeInfo struct {
				KubeletVersion string `json:"kubeletVersion"`
			} `json:"nodeInfo"`
		} `json:"status"`
	}
	err := api.call(ctx, http.MethodGet, "/api/v1/nodes/"+n.nodeName, "", nil, &object)
	return err == nil && object.Status.NodeInfo.KubeletVersion != ""
}
