package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// issueAll loads or creates the authorities, and issues this server's certificates.
func (s *server) issueAll() error {
	if err := os.MkdirAll(tlsState, 0o700); err != nil {
		return err
	}
	for _, name := range authorityNames {
		loaded, err := loadAuthority(tlsState, name)
		if err != nil {
			return err
		}
		s.authorities[name] = loaded
	}
	if _, err := os.Stat(tlsPath(serviceAccountKey)); errors.Is(err, fs.ErrNotExist) {
		if _, err := newKey(tlsPath(serviceAccountKey)); err != nil {
			return err
		}
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	own := []string{"127.0.0.1", "localhost", hostname, s.address}
	api := append([]string{
		serviceAddress, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}, own...)
	for _, one := range []struct {
		authority, name string
		subject         subject
	}{
		{"server-ca", "serving-kube-apiserver", subject{name: "kube-apiserver", hosts: append(api, s.tlsSANs...)}},
		{"client-ca", "client-admin", subject{name: "system:admin", groups: []string{"system:masters"}}},
		{"client-ca", "client-kube-apiserver", subject{name: "system:apiserver", groups: []string{"system:masters"}}},
		{"client-ca", "client-controller", subject{name: "system:kube-controller-manager"}},
		{"client-ca", "client-scheduler", subject{name: "system:kube-scheduler"}},
		{"request-header-ca", "client-auth-proxy", subject{name: "system:auth-proxy"}},
		{"etcd-ca", "etcd-client", subject{name: "etcd-client"}},
		{"etcd-ca", "etcd-server", subject{name: "etcd-server", hosts: own}},
	} {
		if err := s.authorities[one.authority].issue(tlsState, one.name, one.subject); err != nil {
			return err
		}
	}
	for file, certificate := range map[string]string{
		adminKubeconfig: "client-admin", credentials("controller"): "client-controller", credentials("scheduler"): "client-scheduler",
	} {
		if err := writeKubeconfig(file, ownAPI, tlsPath("server-ca.crt"), tlsPath(certificate)); err != nil {
			return err
		}
	}
	if s.admin, err = newClient(ownAPI, tlsPath("server-ca.crt"), tlsPath("client-admin.crt")); err != nil {
		return err
	}
	return s.issueForAgent(agentState, s.nodeName, []string{hostname, s.address})
}

func credentials(name string) string { return serverState + "/cred/" + name + ".kubeconfig" }

// issueForAgent writes the credentials of a node: of this one, or of an agent that joins.
func (s *server) issueForAgent(folder, name string, hosts []string) error {
	for _, name := range []string{"server-ca.crt", "client-ca.crt"} {
		content, err := os.ReadFile(tlsPath(name))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	for _, one := range []struct {
		authority, name string
		subject         subject
	}{
		{"client-ca", "client-kubelet", subject{name: "system:node:" + name, groups: []string{"system:nodes"}}},
		{"client-ca", "client-kube-proxy", subject{name: "system:kube-proxy"}},
		{"server-ca", "serving-kubelet", subject{name: name, hosts: append([]string{name, "127.0.0.1", "localhost"}, hosts...)}},
	} {
		if err := s.authorities[one.authority].issue(folder, one.name, one.subject); err != nil {
			return err
		}
	}
	return nil
}
