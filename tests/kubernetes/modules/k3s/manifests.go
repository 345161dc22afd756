package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// applyManifests applies every manifest in the folder, as k3s does, and again when one changes. k3d writes the names of the
// cluster's containers into the one of CoreDNS.
func (s *server) applyManifests(ctx context.Context) {
	applied := map[string]string{}
	for ctx.Err() == nil {
		s.applyChanged(ctx, applied)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// writeManifests replaces the packaged manifests by those of this version.
func (s *server) writeManifests() error {
	entries, err := manifests.ReadDir("manifests")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		file := filepath.Join(manifestsFolder, entry.Name())
		if s.disabled[strings.TrimSuffix(entry.Name(), ".yaml")] {
			if err := os.RemoveAll(file); err != nil {
				return err
			}
			continue
		}
		content, err := manifests.ReadFile("manifests/" + entry.Name())
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(content), "NODE_HOSTS", fmt.Sprintf("%s %s", s.address, s.nodeName))
		if err := writeFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// applyChanged applies the manifests that differ from the last time.
func (s *server) applyChanged(ctx context.Context, applied map[string]string) {
	_ = filepath.WalkDir(manifestsFolder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isManifest(file) {
			return nil
		}
		content, err := os.ReadFile(file)
		if err == nil && applied[file] == string(content) {
			return nil
		}
		if err == nil {
			err = s.admin.apply(ctx, content)
		}
		if err != nil {
			warning("Cannot apply %s: %v", file, err)
			return nil
		}
		if _, again := applied[file]; !again && filepath.Base(file) == "coredns.yaml" {
			// k3d waits for this phrase, and then writes its names into the file.
			info("Cluster dns configmap has been set successfully")
		}
		applied[file] = string(content)
		return nil
	})
}

// isManifest reports whether k3s applies the file, which a file NAME.skip beside it prevents.
func isManifest(file string) bool {
	switch filepath.Ext(file) {
	case ".yaml", ".yml", ".json":
		_, err := os.Stat(file + ".skip")
		return err != nil
	default:
		return false
	}
}
