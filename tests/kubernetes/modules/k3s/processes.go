package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	stopGrace   = 3 * time.Second
	logTailSize = 4096
)

// The programs of this node. k3s is one process, so no program outlives another: when the first one ends, the node ends,
// and Docker starts it again.
type processes struct {
	failed  chan error
	running []*process
}

type process struct {
	name    string
	command *exec.Cmd
	ended   chan struct{}
}

func newProcesses() *processes { return &processes{failed: make(chan error, 16)} }

// start runs a program, with its output in a log file of its own.
func (p *processes) start(name string, arguments ...string) error {
	file := filepath.Join(logFolder, name+".log")
	if err := os.MkdirAll(logFolder, 0o755); err != nil {
		return err
	}
	output, err := os.Create(file)
	if err != nil {
		return err
	}
	defer output.Close()
	command := exec.Command(name, arguments...)
	command.Stdout, command.Stderr = output, output
	// Garbage collection would take a tenth of the time that a node takes to start.
	command.Env = append(os.Environ(), "GOGC=400")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	one := &process{name, command, make(chan struct{})}
	p.running = append(p.running, one)
	go func() {
		err := command.Wait()
		close(one.ended)
		p.failed <- fmt.Errorf("%s ended (%v); the end of %s: %s", name, err, file, tail(file))
	}()
	return nil
}

// stop ends the programs in the reverse order of their starts: the API server's clients before it, etcd last.
func (p *processes) stop() {
	deadline := time.After(stopGrace)
	for i := len(p.running) - 1; i >= 0; i-- {
		one := p.running[i]
		_ = one.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-one.ended:
		case <-deadline:
			return
		}
	}
}

func tail(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	if len(content) > logTailSize {
		content = content[len(content)-logTailSize:]
	}
	return string(bytes.TrimSpace(content))
}
