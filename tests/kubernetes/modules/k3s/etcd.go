package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	etcdClientAddress = "127.0.0.1:2379"
	etcdClientURL     = "https://" + etcdClientAddress
	etcdPeerPort      = "2380"
	// The other members at the time of joining.
	initialClusterFile = serverState + "/db/initial-cluster"
)

// This server's part in etcd. Members find each other by name, since addresses change when Docker starts again.
type etcdMember struct {
	name           string
	peerURL        string
	initialCluster string
	// Whether it joined the cluster of another server.
	joined bool
}

// etcdMember returns the member of an earlier start. Without one, it creates a cluster or joins the given one.
func (s *server) etcdMember(ctx context.Context) (etcdMember, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return etcdMember{}, err
	}
	member := etcdMember{name: s.nodeName, peerURL: "https://" + hostname + ":" + etcdPeerPort, joined: s.serverURL != ""}
	kept, err := os.ReadFile(initialClusterFile)
	switch {
	case err == nil:
		member.initialCluster = string(kept)
		return member, nil
	case !errors.Is(err, fs.ErrNotExist):
		return member, err
	case member.joined:
		answer, err := s.join(ctx, joinRequest{Role: "server", Name: s.nodeName, Host: hostname})
		if err != nil {
			return member, err
		}
		if err := answer.writeFiles(tlsState); err != nil {
			return member, err
		}
		member.initialCluster = answer.InitialCluster
		// Delete the data of an interrupted join: that member no longer exists.
		if err := os.RemoveAll(etcdState); err != nil {
			return member, err
		}
	default:
		member.initialCluster = member.name + "=" + member.peerURL
	}
	return member, writeFile(initialClusterFile, []byte(member.initialCluster), 0o600)
}

func (m etcdMember) arguments() []string {
	state := "new"
	if m.joined {
		state = "existing"
	}
	return []string{
		"--name=" + m.name, "--data-dir=" + etcdState, "--log-level=warn",
		"--listen-client-urls=" + etcdClientURL, "--advertise-client-urls=" + etcdClientURL,
		"--listen-peer-urls=https://0.0.0.0:" + etcdPeerPort, "--initial-advertise-peer-urls=" + m.peerURL,
		"--initial-cluster=" + m.initialCluster, "--initial-cluster-state=" + state,
		"--client-cert-auth=true", "--trusted-ca-file=" + tlsPath("etcd-ca.crt"),
		"--cert-file=" + tlsPath("etcd-server.crt"), "--key-file=" + tlsPath("etcd-server.key"),
		"--peer-client-cert-auth=true", "--peer-trusted-ca-file=" + tlsPath("etcd-ca.crt"),
		"--peer-cert-file=" + tlsPath("etcd-server.crt"), "--peer-key-file=" + tlsPath("etcd-server.key"),
		// A peer's address may be newer than its certificate's.
		"--peer-skip-client-san-verification=true",
		// A crash of the host may lose the last writes. Such a cluster is for tests.
		"--unsafe-no-fsync=true",
	}
}

type memberList struct {
	Members []struct {
		ID       string   `json:"ID"`
		Name     string   `json:"name"`
		PeerURLs []string `json:"peerURLs"`
	} `json:"members"`
}

// addMember adds a server that joins to etcd, and returns the value of --initial-cluster for its etcd.
func (s *server) addMember(ctx context.Context, name, peerURL string) (string, error) {
	etcd, err := newClient(etcdClientURL, tlsPath("etcd-ca.crt"), tlsPath("etcd-client.crt"))
	if err != nil {
		return "", err
	}
	var list memberList
	if err := etcd.post(ctx, "/v3/cluster/member/list", map[string]any{}, &list); err != nil {
		return "", err
	}
	initial := []string{}
	for _, member := range list.Members {
		if len(member.PeerURLs) == 1 && member.PeerURLs[0] == peerURL {
			// A known server that asks to join again has lost its data.
			if err := etcd.post(ctx, "/v3/cluster/member/remove", map[string]any{"ID": member.ID}, nil); err != nil {
				return "", err
			}
			continue
		}
		for _, url := range member.PeerURLs {
			initial = append(initial, member.Name+"="+url)
		}
	}
	// A learner has no vote, so the cluster keeps its quorum even if this server never starts.
	var added struct {
		Member struct {
			ID string `json:"ID"`
		} `json:"member"`
	}
	body := map[string]any{"peerURLs": []string{peerURL}, "isLearner": true}
	if err := etcd.post(ctx, "/v3/cluster/member/add", body, &added); err != nil {
		return "", err
	}
	go s.promote(etcd, added.Member.ID)
	return strings.Join(append(initial, name+"="+peerURL), ","), nil
}

// promote gives a learner its vote as soon as it has all data. It tries for 2 min.
func (s *server) promote(etcd *client, id string) {
	var err error
	for range 600 {
		if err = etcd.post(context.Background(), "/v3/cluster/member/promote", map[string]any{"ID": id}, nil); err == nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	warning("etcd member %s cannot be promoted: %v", id, err)
}

func (c *client) post(ctx context.Context, path string, body any, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := c.call(ctx, http.MethodPost, path, "application/json", encoded, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
