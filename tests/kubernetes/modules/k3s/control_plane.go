package main

import (
	"context"
	"time"
)

// startControlPlane returns when the API server can be used.
func (s *server) startControlPlane(ctx context.Context, member etcdMember) error {
	if err := s.processes.start("etcd", append(member.arguments(), s.extra["etcd"]...)...); err != nil {
		return err
	}
	// Without etcd, an API server retries only after 1 s, so wait for etcd before.
	if err := s.poll(ctx, 10*time.Millisecond, func() bool { return accepts("tcp", etcdClientAddress) }); err != nil {
		return err
	}
	if member.joined {
		etcd, err := newClient(etcdClientURL, tlsPath("etcd-ca.crt"), tlsPath("etcd-client.crt"))
		if err != nil {
			return err
		}
		// A new member answers no reads until it has the data of the others.
		if err := s.poll(ctx, 100*time.Millisecond, func() bool { return etcd.isReady(ctx, "/health") }); err != nil {
			return err
		}
	}
	if err := s.processes.start("kube-apiserver", append(s.apiserverArguments(), s.extra["kube-apiserver"]...)...); err != nil {
		return err
	}
	info("Running kube-apiserver on %s:%s", s.address, apiPort)
	return s.poll(ctx, 50*time.Millisecond, func() bool { return s.admin.isReady(ctx, "/readyz") })
}

func (s *server) apiserverArguments() []string {
	arguments := []string{
		"--advertise-address=" + s.address, "--secure-port=" + apiPort, "--allow-privileged=true", "--anonymous-auth=false",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--profiling=false",
		"--client-ca-file=" + tlsPath("client-ca.crt"),
		"--tls-cert-file=" + tlsPath("serving-kube-apiserver.crt"),
		"--tls-private-key-file=" + tlsPath("serving-kube-apiserver.key"),
		"--etcd-servers=" + etcdClientURL, "--etcd-cafile=" + tlsPath("etcd-ca.crt"),
		"--etcd-certfile=" + tlsPath("etcd-client.crt"), "--etcd-keyfile=" + tlsPath("etcd-client.key"),
		"--kubelet-certificate-authority=" + tlsPath("server-ca.crt"),
		"--kubelet-client-certificate=" + tlsPath("client-kube-apiserver.crt"),
		"--kubelet-client-key=" + tlsPath("client-kube-apiserver.key"),
		"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
		"--requestheader-client-ca-file=" + tlsPath("request-header-ca.crt"), "--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + tlsPath("client-auth-proxy.crt"), "--proxy-client-key-file=" + tlsPath("client-auth-proxy.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + tlsPath(serviceAccountKey), "--service-account-signing-key-file=" + tlsPath(serviceAccountKey),
		"--service-cluster-ip-range=" + serviceRange,
	}
	if !s.isOneOfSeveral() {
		// The Service `kubernetes` leads to this address only, also right after a start that changed it. With leases, which
		// several servers need, it would lead to the old address as well for some seconds.
		arguments = append(arguments, "--endpoint-reconciler-type=master-count", "--apiserver-count=1")
	}
	return arguments
}

func (s *server) startControllers() error {
	// A single control plane needs no leader election; after a restart it would wait for the old lease to expire.
	elect := "--leader-elect=false"
	if s.isOneOfSeveral() {
		elect = "--leader-elect=true"
	}
	// With its default of 20 requests a second, the controller manager spends 3 s on the credentials of its controllers.
	quick := []string{"--kube-api-qps=1000", "--kube-api-burst=2000"}
	controllers := []string{
		elect, "--bind-address=127.0.0.1", "--profiling=false", "--kubeconfig=" + credentials("controller"),
		"--authentication-kubeconfig=" + credentials("controller"), "--authorization-kubeconfig=" + credentials("controller"),
		"--allocate-node-cidrs=true", "--cluster-cidr=" + podRange, "--service-cluster-ip-range=" + serviceRange,
		"--cluster-signing-cert-file=" + tlsPath("client-ca.crt"), "--cluster-signing-key-file=" + tlsPath("client-ca.key"),
		"--root-ca-file=" + tlsPath("server-ca.crt"), "--service-account-private-key-file=" + tlsPath(serviceAccountKey),
		"--use-service-account-credentials=true",
	}
	scheduler := []string{
		elect, "--bind-address=127.0.0.1", "--profiling=false", "--kubeconfig=" + credentials("scheduler"),
		"--authentication-kubeconfig=" + credentials("scheduler"), "--authorization-kubeconfig=" + credentials("scheduler"),
	}
	controllers = append(append(controllers, quick...), s.extra["kube-controller-manager"]...)
	if err := s.processes.start("kube-controller-manager", controllers...); err != nil {
		return err
	}
	scheduler = append(append(scheduler, quick...), s.extra["kube-scheduler"]...)
	return s.processes.start("kube-scheduler", scheduler...)
}
