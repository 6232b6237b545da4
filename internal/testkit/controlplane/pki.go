package controlplane

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

// pki is a certificate authority and what it has issued, as files name.crt and
// name.key of one folder. tokens.key and tokens.pub sign service accounts.
type pki struct {
	dir string
	key *ecdsa.PrivateKey
	ca  *x509.Certificate
	pem []byte // Of the authority.
}

// newPKI makes an authority and the keys of the service accounts.
func newPKI(dir string) (*pki, error) {
	p := &pki{dir: dir}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test-ca"},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: true,
	}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	if p.ca, err = p.write("ca", template, template, p.key); err != nil {
		return nil, err
	}
	p.pem = pemBlock("CERTIFICATE", p.ca.Raw)
	tokens, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err1 := x509.MarshalECPrivateKey(tokens)
	public, err2 := x509.MarshalPKIXPublicKey(&tokens.PublicKey)
	return p, errors.Join(err1, err2,
		writeFile(p.path("tokens.key"), pemBlock("EC PRIVATE KEY", private)),
		writeFile(p.path("tokens.pub"), pemBlock("PUBLIC KEY", public)))
}

func (p *pki) path(file string) string { return filepath.Join(p.dir, file) }

// serving issues a certificate for a server on loopback that is also known by
// other names.
func (p *pki) serving(file string, names ...string) error {
	return p.issue(file, &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// client issues a certificate for a user in groups.
func (p *pki) client(file, user string, groups ...string) error {
	return p.issue(file, &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (p *pki) issue(file string, template *x509.Certificate) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return err
	}
	template.SerialNumber = serial
	template.KeyUsage = x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, err = p.write(file, template, p.ca, key)
	return err
}

// write signs a certificate and writes it with its key.
func (p *pki) write(file string, template, parent *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	now := time.Now()
	template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, p.key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", file, err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	err = errors.Join(writeFile(p.path(file+".crt"), pemBlock("CERTIFICATE", der)),
		writeFile(p.path(file+".key"), pemBlock("EC PRIVATE KEY", private)))
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func pemBlock(kind string, der []byte) []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}) // A buffer takes everything.
	return b.Bytes()
}
