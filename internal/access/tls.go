package access

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLS are the settings of a TLS connection: paths of PEM files, and a name.
type TLS struct {
	CA, Cert, Key, ServerName string
}

// Apply adds the settings to a configuration. It reads the files; the client's
// certificate is read again for each connection, so that it can be renewed. The
// field is the one that an error is about: "CA", or "Cert".
func (t TLS) Apply(c *tls.Config) (field string, err error) {
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return "CA", unreadable(t.CA, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return "CA", fmt.Errorf("read %s: it has no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		if _, err := t.certificate(); err != nil {
			return "Cert", err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.certificate() }
	}
	return "", nil
}

func (t TLS) certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s and the key %s: %w", t.Cert, t.Key, err)
	}
	return &pair, nil
}
