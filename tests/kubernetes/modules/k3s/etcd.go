package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	etcdClientAddress = "127.0.0.1:2379"
	etcdClientURL     = "https://" + etcdClientAddress
	etcdPeerPort      = "2380"
	// The members when a server joined for the last time: this one, or another one through this one.
	initialClusterFile = serverState + "/db/initial-cluster"
)

// This server's part in etcd.
type etcdMember struct {
	name string
	// The other members know this one at this URL. As in k3s, it holds the address of the server.
	peerURL        string
	initialCluster string
	// Whether it joined the cluster of another server.
	joined bool
}

func peerURL(address string) string { return "https://" + net.JoinHostPort(address, etcdPeerPort) }

// peerURL returns the URL for other members. A server that can have none does not depend on its address.
func (s *server) peerURL() string {
	if s.isOneOfSeveral() {
		return peerURL(s.address)
	}
	return peerURL("127.0.0.1")
}

// etcdMember returns the member of an earlier start. Without one, it creates a cluster or joins the given one.
func (s *server) etcdMember(ctx context.Context) (etcdMember, error) {
	member := etcdMember{name: s.nodeName, peerURL: s.peerURL(), joined: s.serverURL != ""}
	kept, err := os.ReadFile(initialClusterFile)
	switch {
	case err == nil && strings.Contains(string(kept), ","):
		member.initialCluster = string(kept)
		return member, member.checkMembership()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return member, err
	case member.joined:
		answer, err := s.join(ctx, joinRequest{Role: "server", Name: s.nodeName, Address: s.address})
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
		// A member that is alone may have another address than at its earlier start, as k3s allows.
		member.initialCluster = member.name + "=" + member.peerURL
	}
	return member, writeFile(initialClusterFile, []byte(member.initialCluster), 0o600)
}

// checkMembership fails as k3s does if the members of a cluster do not know this one at its address.
func (m etcdMember) checkMembership() error {
	members, self := strings.Split(m.initialCluster, ","), m.name+"="+m.peerURL
	if slices.Contains(members, self) {
		return nil
	}
	return fmt.Errorf("this server is not a member of the etcd cluster. Found %v, expect: %s", members, self)
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
		// The authority vouches for a peer; each server checks its own address at its start.
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
		if member.Name == name || slices.Contains(member.PeerURLs, peerURL) {
			// A known server that asks to join again has lost its data.
			if err := etcd.post(ctx, "/v3/cluster/member/remove", map[string]any{"ID": member.ID}, nil); err != nil {
				return "", err
			}
			continue
		}
		if own := []string{s.peerURL()}; member.Name == s.nodeName && !slices.Equal(member.PeerURLs, own) {
			// Alone until now, this server has got another address since it created the cluster.
			body := map[string]any{"ID": member.ID, "peerURLs": own}
			if err := etcd.post(ctx, "/v3/cluster/member/update", body, nil); err != nil {
				return "", err
			}
			member.PeerURLs = own
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
	joined := strings.Join(append(initial, name+"="+peerURL), ",")
	// From now on, this server is not alone, and must keep its address.
	return joined, writeFile(initialClusterFile, []byte(joined), 0o600)
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
