package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	answerLimit    = 8 << 20
	requestTimeout = 10 * time.Second
)

// A client of the API server, or of etcd, for the few calls that a node makes itself.
type client struct {
	server string
	http   *http.Client
	// The kinds of each API version that was requested so far.
	kinds map[string][]resource
}

// newClient authenticates with the certificate NAME.crt and trusts one authority.
func newClient(server, authorityFile, certificateFile string) (*client, error) {
	pem, err := os.ReadFile(authorityFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	certificate, err := tls.LoadX509KeyPair(certificateFile, strings.TrimSuffix(certificateFile, ".crt")+".key")
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}}}
	return &client{server, &http.Client{Transport: transport, Timeout: requestTimeout}, map[string][]resource{}}, nil
}

// An answer of a server that is not a success.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.text) }

func isStatus(err error, status int) bool {
	var refused refusal
	return errors.As(err, &refused) && refused.status == status
}

// call sends a request and decodes the answer into `into`, unless that is nil.
func (c *client) call(ctx context.Context, method, path, contentType string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return refusal{answer.StatusCode, strings.TrimSpace(string(content))}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(content, into)
}

// isReady reports whether a path such as /readyz answers with success.
func (c *client) isReady(ctx context.Context, path string) bool {
	return c.call(ctx, http.MethodGet, path, "", nil, nil) == nil
}

// apply applies the objects of a manifest on the server's side.
func (c *client) apply(ctx context.Context, manifest []byte) error {
	for _, document := range strings.Split("\n"+string(manifest), "\n---") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return err
		}
		if object["kind"] == nil {
			continue
		}
		if err := c.applyObject(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) applyObject(ctx context.Context, object map[string]any) error {
	version, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	namespace, _ := metadata["namespace"].(string)
	base, resource, err := c.resourceOf(ctx, version, kind)
	if err != nil {
		return err
	}
	if resource.Namespaced {
		base += "/namespaces/" + or(namespace, "default")
	}
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	path := base + "/" + resource.Name + "/" + url.PathEscape(name) + "?fieldManager=k3s&force=true"
	if err := c.call(ctx, http.MethodPatch, path, "application/apply-patch+yaml", body, nil); err != nil {
		return fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return nil
}

type resource struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Namespaced bool   `json:"namespaced"`
}

func (c *client) resourceOf(ctx context.Context, version, kind string) (string, resource, error) {
	base := "/apis/" + version
	if !strings.Contains(version, "/") {
		base = "/api/" + version
	}
	kinds, err := c.kindsIn(ctx, version, base)
	if err != nil {
		return "", resource{}, err
	}
	for _, one := range kinds {
		if one.Kind == kind && !strings.Contains(one.Name, "/") {
			return base, one, nil
		}
	}
	// A custom kind may have been added since.
	delete(c.kinds, version)
	return "", resource{}, fmt.Errorf("the API server has no kind %s in %s", kind, version)
}

func (c *client) kindsIn(ctx context.Context, version, base string) ([]resource, error) {
	if kinds, asked := c.kinds[version]; asked {
		return kinds, nil
	}
	var list struct {
		Resources []resource `json:"resources"`
	}
	if err := c.call(ctx, http.MethodGet, base, "", nil, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", version, err)
	}
	c.kinds[version] = list.Resources
	return list.Resources, nil
}
