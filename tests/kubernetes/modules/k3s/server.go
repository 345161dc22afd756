package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	ownAPI          = "https://127.0.0.1:" + apiPort
	adminKubeconfig = serverState + "/cred/admin.kubeconfig"
	tokenFile       = serverState + "/token"
)

// A server: the control plane of the cluster, and a node that runs pods.
type server struct {
	*node
	authorities map[string]*authority
	admin       *client
}

func (n *node) runServer(ctx context.Context) error {
	s := &server{node: n, authorities: map[string]*authority{}}
	if err := s.findAddress(); err != nil {
		return err
	}
	if err := s.findToken(); err != nil {
		return err
	}
	if err := s.startContainerd(); err != nil {
		return err
	}
	member, err := s.etcdMember(ctx)
	if err != nil {
		return err
	}
	if err := s.issueAll(); err != nil {
		return err
	}
	if err := s.startControlPlane(ctx, member); err != nil {
		return err
	}
	return s.serve(ctx, member.joined)
}

// serve starts the node of a control plane that answers, and then waits for its end.
func (s *server) serve(ctx context.Context, joined bool) error {
	created := nodeObject{Name: s.nodeName, Labels: s.roleLabels(), Taints: s.nodeTaints}
	if !joined {
		created.PodCIDR = firstPodRange
	}
	if err := s.startControllers(); err != nil {
		return err
	}
	podCIDR, err := registerNode(ctx, s.admin, created)
	if err != nil {
		return err
	}
	arguments := workerArguments{grantWith: adminKubeconfig, policies: !s.disableNetworkPolicy}
	if err := s.startWorkers(ctx, ownAPI, podCIDR, arguments); err != nil {
		return err
	}
	for _, file := range []string{kubeconfigFile, s.kubeconfigOutput} {
		if file == "" {
			continue
		}
		if err := writeKubeconfig(file, ownAPI, tlsPath("server-ca.crt"), tlsPath("client-admin")); err != nil {
			return err
		}
	}
	info("k3s is up and running")
	listener, err := s.listenForJoins()
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := s.writeManifests(); err != nil {
		return err
	}
	go s.applyManifests(ctx)
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.processes.failed:
		return err
	}
}

func tlsPath(name string) string { return filepath.Join(tlsState, name) }

// findToken reads the token of an earlier start, or generates one, unless one was given.
func (s *server) findToken() error {
	if s.token == "" {
		kept, err := os.ReadFile(tokenFile)
		if err == nil {
			s.token = strings.TrimSpace(string(kept))
			return nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return err
		}
		s.token = hex.EncodeToString(random)
	}
	return writeFile(tokenFile, []byte(s.token+"\n"), 0o600)
}

func (s *server) roleLabels() map[string]string {
	labels := labelsOf(s.nodeLabels)
	labels["node-role.kubernetes.io/control-plane"] = "true"
	if s.isOneOfSeveral() {
		labels["node-role.kubernetes.io/etcd"] = "true"
	}
	return labels
}

// isOneOfSeveral reports whether the cluster may have other servers.
func (s *server) isOneOfSeveral() bool { return s.clusterInit || s.serverURL != "" }
