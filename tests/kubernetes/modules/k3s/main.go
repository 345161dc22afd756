// A stand-in for the k3s command, for machines that reach no image registry. It offers what the k3d command expects of a
// k3s node (arguments, files, environment, log lines) and runs vanilla Kubernetes behind that: the programs of
// Kubernetes, etcd and containerd as processes of their own instead of one. tests/kubernetes/README.md lists where the
// two differ.
package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fatal(errors.New("usage: k3s server|agent|kubectl|ctr|crictl [ARGUMENT...]"))
	}
	switch command, arguments := os.Args[1], os.Args[2:]; command {
	case "kubectl", "ctr", "crictl":
		fatal(become(command, arguments))
	case "server", "agent":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		if err := runNode(ctx, command, arguments); err != nil {
			fatal(err)
		}
	default:
		fatal(errors.New("this stand-in for k3s has no command " + command))
	}
}

// become replaces this process. The image's environment names the node's sockets and credentials to the tools.
func become(command string, arguments []string) error {
	path, err := exec.LookPath(command)
	if err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{command}, arguments...), os.Environ())
}

func runNode(ctx context.Context, role string, arguments []string) error {
	options, err := parseOptions(role, arguments, os.Getenv)
	if err != nil {
		return err
	}
	if err := prepareHost(); err != nil {
		return err
	}
	node := newNode(options)
	if role == "agent" {
		err = node.runAgent(ctx)
	} else {
		err = node.runServer(ctx)
	}
	node.processes.stop()
	if ctx.Err() != nil {
		return nil
	}
	return err
}
