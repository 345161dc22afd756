package main

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	// The port that nodes join a server at, beside that of the API server.
	joinPort      = "9345"
	requestLimit  = 64 << 10
	joinRetry     = 300 * time.Millisecond
	joinsReported = 20
)

type joinRequest struct {
	Role    string
	Name    string
	Host    string
	Address string
	Labels  map[string]string
	Taints  []string
}

type joinAnswer struct {
	// For the joining node to write, by name.
	Files          map[string][]byte
	PodCIDR        string
	Policies       bool
	InitialCluster string
}

func (a joinAnswer) writeFiles(folder string) error {
	for name, content := range a.Files {
		if err := writeFile(filepath.Join(folder, filepath.Base(name)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// join asks the server until it answers. The server is not authenticated: like k3s with a token that has no hash of the
// authority, the node trusts the name it was given.
func (n *node) join(ctx context.Context, request joinRequest) (joinAnswer, error) {
	server, err := url.Parse(n.serverURL)
	if err != nil {
		return joinAnswer{}, err
	}
	trusting := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	from := &http.Client{Transport: trusting, Timeout: time.Minute}
	var answer joinAnswer
	tries := 0
	err = n.poll(ctx, joinRetry, func() bool {
		problem := n.askToJoin(ctx, from, "https://"+server.Hostname()+":"+joinPort+"/join", request, &answer)
		if problem != nil && tries%joinsReported == 0 {
			info("Waiting to join %s: %v", server.Hostname(), problem)
		}
		tries++
		return problem == nil
	})
	return answer, err
}

func (n *node) askToJoin(ctx context.Context, from *http.Client, to string, request joinRequest, answer *joinAnswer) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	asked, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	asked.Header.Set("Authorization", "Bearer "+n.token)
	response, err := from.Do(asked)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return refusal{response.StatusCode, string(bytes.TrimSpace(content))}
	}
	return json.Unmarshal(content, answer)
}

func (s *server) listenForJoins() (io.Closer, error) {
	certificate, err := tls.LoadX509KeyPair(tlsPath("serving-kube-apiserver.crt"), tlsPath("serving-kube-apiserver.key"))
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", ":"+joinPort, &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /join", s.handleJoin)
	serving := &http.Server{Handler: mux, ReadTimeout: requestTimeout}
	go func() { _ = serving.Serve(listener) }()
	return serving, nil
}

func (s *server) handleJoin(writer http.ResponseWriter, asked *http.Request) {
	given := asked.Header.Get("Authorization")
	if subtle.ConstantTimeCompare([]byte(given), []byte("Bearer "+s.token)) != 1 {
		http.Error(writer, "the token is not this cluster's", http.StatusUnauthorized)
		return
	}
	var request joinRequest
	if err := json.NewDecoder(http.MaxBytesReader(writer, asked.Body, requestLimit)).Decode(&request); err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := s.admit(asked.Context(), request)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(answer)
}

func (s *server) admit(ctx context.Context, request joinRequest) (joinAnswer, error) {
	switch request.Role {
	case "server":
		return s.admitServer(ctx, request)
	case "agent":
		return s.admitAgent(ctx, request)
	default:
		return joinAnswer{}, fmt.Errorf("no node has the role %q", request.Role)
	}
}

// A server gets the authorities themselves, as in k3s.
func (s *server) admitServer(ctx context.Context, request joinRequest) (joinAnswer, error) {
	if !s.isOneOfSeveral() {
		return joinAnswer{}, errors.New("this server was started without --cluster-init, so no other can join it")
	}
	answer := joinAnswer{Files: map[string][]byte{}}
	names := []string{serviceAccountKey}
	for _, name := range authorityNames {
		names = append(names, name+".crt", name+".key")
	}
	if err := answer.add(tlsState, names...); err != nil {
		return answer, err
	}
	var err error
	answer.InitialCluster, err = s.addMember(ctx, request.Name, peerURL(request.Address))
	return answer, err
}

func (s *server) admitAgent(ctx context.Context, request joinRequest) (joinAnswer, error) {
	folder, err := os.MkdirTemp("", "join")
	if err != nil {
		return joinAnswer{}, err
	}
	defer os.RemoveAll(folder)
	if err := s.issueForAgent(folder, request.Name, []string{request.Host, request.Address}); err != nil {
		return joinAnswer{}, err
	}
	answer := joinAnswer{Files: map[string][]byte{}, Policies: !s.disableNetworkPolicy}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return answer, err
	}
	for _, entry := range entries {
		if err := answer.add(folder, entry.Name()); err != nil {
			return answer, err
		}
	}
	answer.PodCIDR, err = registerNode(ctx, s.admin, nodeObject{Name: request.Name, Labels: request.Labels, Taints: request.Taints})
	return answer, err
}

func (a *joinAnswer) add(folder string, names ...string) error {
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		a.Files[name] = content
	}
	return nil
}
