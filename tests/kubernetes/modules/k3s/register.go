package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const podCIDRDeadline = 30 * time.Second

// The fields that a Node is created with. The Node exists before its kubelet starts, so that its range of pod addresses is
// known and the kubelet finds its network configured.
type nodeObject struct {
	Name    string
	Labels  map[string]string
	Taints  []string
	PodCIDR string
}

// labelsOf returns the labels of a node: those of `--node-label`, and k3s' own.
func labelsOf(given []string) map[string]string {
	labels := map[string]string{"node.kubernetes.io/instance-type": "k3s", "beta.kubernetes.io/instance-type": "k3s"}
	for _, label := range given {
		key, value, _ := strings.Cut(label, "=")
		labels[key] = value
	}
	return labels
}

// registerNode creates the Node, or sets the labels of one that exists, and returns its range of pod addresses.
func registerNode(ctx context.Context, api *client, object nodeObject) (string, error) {
	taints, err := parseTaints(object.Taints)
	if err != nil {
		return "", err
	}
	spec := map[string]any{"providerID": "k3s://" + object.Name, "taints": taints}
	if object.PodCIDR != "" {
		spec["podCIDR"], spec["podCIDRs"] = object.PodCIDR, []string{object.PodCIDR}
	}
	metadata := map[string]any{"name": object.Name, "labels": object.Labels}
	body, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec})
	if err != nil {
		return "", err
	}
	path := "/api/v1/nodes/" + object.Name
	err = api.call(ctx, http.MethodPost, "/api/v1/nodes", "application/json", body, nil)
	if isStatus(err, http.StatusConflict) {
		if body, err = json.Marshal(map[string]any{"metadata": metadata}); err != nil {
			return "", err
		}
		err = api.call(ctx, http.MethodPatch, path, "application/merge-patch+json", body, nil)
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, podCIDRDeadline)
	defer cancel()
	for {
		var found struct {
			Spec struct {
				PodCIDR string `json:"podCIDR"`
			} `json:"spec"`
		}
		if err := api.call(ctx, http.MethodGet, path, "", nil, &found); err != nil {
			return "", err
		}
		if found.Spec.PodCIDR != "" {
			return found.Spec.PodCIDR, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// parseTaints reads taints as `--node-taint` takes them, KEY=VALUE:EFFECT or KEY:EFFECT.
func parseTaints(given []string) ([]map[string]string, error) {
	taints := []map[string]string{}
	for _, taint := range given {
		rest, effect, found := strings.Cut(taint, ":")
		if !found {
			return nil, fmt.Errorf("taint %q is not KEY=VALUE:EFFECT", taint)
		}
		key, value, _ := strings.Cut(rest, "=")
		taints = append(taints, map[string]string{"key": key, "value": value, "effect": effect})
	}
	return taints, nil
}
