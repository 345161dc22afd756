package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityLifetime   = 10 * 365 * 24 * time.Hour
	certificateLifetime = 365 * 24 * time.Hour
)

// The names of the authorities, and of the key of service accounts, in the folder server/tls. Servers that join copy
// these files; every other certificate is issued at each start, for the addresses that the node has then.
var authorityNames = []string{"server-ca", "client-ca", "request-header-ca", "etcd-ca"}

const serviceAccountKey = "service.key"

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// loadAuthority returns the authority in the files NAME.crt and NAME.key of a folder, and creates it if there is none.
func loadAuthority(folder, name string) (*authority, error) {
	certificate, key := filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key")
	if _, err := os.Stat(certificate); errors.Is(err, fs.ErrNotExist) {
		if err := createAuthority(name, certificate, key); err != nil {
			return nil, err
		}
	}
	der, err := readPEM(certificate)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certificate, err)
	}
	der, err = readPEM(key)
	if err != nil {
		return nil, err
	}
	private, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &authority{parsed, private}, nil
}

func createAuthority(name, certificateFile, keyFile string) error {
	key, err := newKey(keyFile)
	if err != nil {
		return err
	}
	template, err := newTemplate(name, authorityLifetime)
	if err != nil {
		return err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	return writePEM(certificateFile, "CERTIFICATE", der, 0o644)
}

// newKey creates a private key in a file.
func newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(file, "EC PRIVATE KEY", der, 0o600)
}

// The holder of a certificate.
type subject struct {
	name   string
	groups []string
	// Names and addresses of a server; a certificate without any is for clients only.
	hosts []string
}

// issue creates NAME.crt and NAME.key in a folder.
func (a *authority) issue(folder, name string, subject subject) error {
	key, err := newKey(filepath.Join(folder, name+".key"))
	if err != nil {
		return err
	}
	template, err := newTemplate(subject.name, certificateLifetime)
	if err != nil {
		return err
	}
	template.Subject.Organization = subject.groups
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, host := range subject.hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(subject.hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(folder, name+".crt"), "CERTIFICATE", der, 0o644)
}

func newTemplate(name string, lifetime time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	// Clocks of a cluster's machines may differ a little.
	start := time.Now().Add(-5 * time.Minute)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    start,
		NotAfter:     start.Add(lifetime),
	}, nil
}

func readPEM(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file", file)
	}
	return block.Bytes, nil
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return writeFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
