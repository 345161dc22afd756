package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const capSysResource = 24

// prepareHost prepares the container to run pods.
func prepareHost() error {
	// Shared, so that mounts of the kubelet are visible in the pods.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return fmt.Errorf("cannot share mounts: %w", err)
	}
	// After a start of the container no pod is running, so free all addresses.
	for _, folder := range []string{"/var/lib/cni/networks", "/var/lib/cni/results"} {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// ownAddress returns the address of the container, which Docker writes beside its name into /etc/hosts.
func ownAddress() (string, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return "", err
	}
	addresses, err := net.LookupIP(hostname)
	if err != nil {
		return "", err
	}
	for _, address := range addresses {
		if v4 := address.To4(); v4 != nil && !v4.IsLoopback() {
			return v4.String(), nil
		}
	}
	return "", fmt.Errorf("host %s has no IPv4 address", hostname)
}

// lacksSysResource reports whether no process here can get CAP_SYS_RESOURCE, without which the priority of containers
// for the kernel's memory killer cannot be raised.
func lacksSysResource() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, found := strings.CutPrefix(line, "CapBnd:"); found {
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return err == nil && set>>capSysResource&1 == 0
		}
	}
	return false
}

// resolvConf returns the file that pods take their name servers from. One on the loopback address, such as Docker's,
// cannot be reached from a pod; k3s then falls back to a public one.
func resolvConf() (string, error) {
	const file, fallback = "/etc/resolv.conf", agentState + "/etc/resolv.conf"
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(content), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == "nameserver" {
			if address := net.ParseIP(fields[1]); address != nil && !address.IsLoopback() {
				return file, nil
			}
		}
	}
	return fallback, writeFile(fallback, []byte("nameserver 8.8.8.8\n"), 0o644)
}
