package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func renderText(t *testing.T, folder, text string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "registries.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return renderRegistries(file, folder)
}

func rendered(t *testing.T, folder, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name, "hosts.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestMirrorEndpointsKeepTheirOrder(t *testing.T) {
	folder := t.TempDir()
	if err := renderText(t, folder, `
mirrors:
  registry:5000: {endpoint: ["http://registry:5000", "second:5000"]}
  "*": {endpoint: ["http://all:5000"]}
  docker.io: {endpoint: []}
configs: {}
auths: {}
`); err != nil {
		t.Fatal(err)
	}
	want := generated + `

server = "https://registry:5000"

[host."http://registry:5000"]
  capabilities = ["pull", "resolve"]

[host."https://second:5000"]
  capabilities = ["pull", "resolve"]
`
	if got := rendered(t, folder, "registry:5000"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := rendered(t, folder, "_default"); strings.Contains(got, "server =") || !strings.Contains(got, `[host."http://all:5000"]`) {
		t.Errorf("got:\n%s", got)
	}
	if got := rendered(t, folder, "docker.io"); !strings.Contains(got, `server = "https://registry-1.docker.io"`) {
		t.Errorf("got:\n%s", got)
	}
}

func TestCredentialsGoToTheEndpointTheyAreFor(t *testing.T) {
	folder := t.TempDir()
	if err := renderText(t, folder, `
mirrors: {registry.example: {endpoint: ["https://mirror.example", "http://other.example"]}}
configs:
  mirror.example: {auth: {username: a, password: b}, tls: {insecure_skip_verify: true, ca_file: /ca.pem}}
`); err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(rendered(t, folder, "registry.example"), `[host."http://other.example"]`)
	for _, line := range []string{`Authorization = "Basic YTpi"`, "skip_verify = true", `ca = "/ca.pem"`} {
		if !strings.Contains(first, line) || strings.Contains(second, line) {
			t.Errorf("%s is not with its endpoint:\n%s---\n%s", line, first, second)
		}
	}
}

func TestNextStartDeletesOnlyGeneratedFiles(t *testing.T) {
	folder := t.TempDir()
	if err := renderText(t, folder, `mirrors: {gone: {endpoint: ["http://gone:5000"]}}`); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(folder, "foreign", "hosts.toml")
	if err := writeFile(foreign, []byte("server = \"http://foreign\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := renderText(t, folder, `mirrors: {}`); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "gone", "hosts.toml")); err == nil {
		t.Error("a generated file is still there")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a file of other origin is gone")
	}
}

func TestUnsupportedRegistrySettingsAreRejected(t *testing.T) {
	for _, text := range []string{
		`mirrors: {x: {endpoint: ["http://x"], rewrite: {"a": "b"}}}`,
		`mirrors: {x: {endpoint: ["ftp://x"]}}`,
		`mirrors: {x: {endpoints: ["http://x"]}}`,
		`configs: {x: {auth: {identity_token: t}}}`,
		`mirrors: [`,
	} {
		if err := renderText(t, t.TempDir(), text); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}

func TestLoopbackRegistriesAreAskedOverHTTP(t *testing.T) {
	for name, want := range map[string]string{
		"localhost:5000": "http://localhost:5000", "127.0.0.1:5000": "http://127.0.0.1:5000", "quay.io": "https://quay.io",
	} {
		if got := defaultEndpoint(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
