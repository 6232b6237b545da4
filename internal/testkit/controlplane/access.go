package controlplane

import "fmt"

// Server is the URL of the API server.
func (c *ControlPlane) Server() string { return c.server }

// CAFile is the certificate of the authority that all others are from.
func (c *ControlPlane) CAFile() string { return c.keys.path("ca.crt") }

// Serving issues a certificate for a server on loopback and returns its file
// and that of its key.
func (c *ControlPlane) Serving(name string) (certificate, key string) {
	c.t.Helper()
	c.must(c.keys.serving(name, "localhost"))
	return c.keys.path(name + ".crt"), c.keys.path(name + ".key")
}

// TokenKubeconfig writes a kubeconfig by which the bearer of a token reaches
// the API server, or what stands in front of it, at a URL; it returns its path.
func (c *ControlPlane) TokenKubeconfig(file, server, token string) string {
	c.t.Helper()
	return c.writeKubeconfig(file, server, fmt.Sprintf("{token: %q}", token))
}

// kubeconfig writes one for a user and returns its path.
func (c *ControlPlane) kubeconfig(file, user, group string) string {
	c.t.Helper()
	var groups []string
	if group != "" {
		groups = []string{group}
	}
	c.must(c.keys.client(file, user, groups...))
	return c.writeKubeconfig(file, c.server,
		fmt.Sprintf("{client-certificate: %q, client-key: %q}", c.keys.path(file+".crt"), c.keys.path(file+".key")))
}

func (c *ControlPlane) writeKubeconfig(file, server, user string) string {
	c.t.Helper()
	path := c.keys.path(file + ".kubeconfig")
	c.must(writeFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: user, user: %s}]
contexts: [{name: test, context: {cluster: test, user: user}}]
current-context: test
`, server, c.CAFile(), user)))
	return path
}
