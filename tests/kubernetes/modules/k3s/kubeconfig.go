package main

import (
	"encoding/base64"
	"fmt"
	"os"
)

const kubeconfigText = `apiVersion: v1
kind: Config
clusters:
- name: default
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: default
  context: {cluster: default, user: default}
current-context: default
`

// writeKubeconfig writes a kubeconfig that holds everything it needs, with the names that k3s gives. The certificate is
// CLIENT.crt, its key CLIENT.key.
func writeKubeconfig(file, server, authorityFile, client string) error {
	encoded := make([]any, 0, 4)
	encoded = append(encoded, server)
	for _, source := range []string{authorityFile, client + ".crt", client + ".key"} {
		content, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		encoded = append(encoded, base64.StdEncoding.EncodeToString(content))
	}
	return writeFile(file, []byte(fmt.Sprintf(kubeconfigText, encoded...)), 0o600)
}
