package main

import (
	"context"
	"time"
)

// poll waits until a condition holds, and fails when the node is stopped or one of its programs ends.
func (n *node) poll(ctx context.Context, every time.Duration, holds func() bool) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-n.processes.failed:
			return err
		case <-ticker.C:
		}
	}
	return nil
}
