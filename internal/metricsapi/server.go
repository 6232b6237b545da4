package metricsapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
)

const (
	// certificateKept is how long a certificate is used before its files are read
	// again.
	certificateKept = time.Minute
	// Limits of one request, and of an orderly end.
	headersWithin = 10 * time.Second
	answerWithin  = 30 * time.Second
	endWithin     = 5 * time.Second
)

// ServerOptions are what a [Server] needs. All are required.
type ServerOptions struct {
	// Address to listen at, for example ":6443".
	Address string
	// CertificateFile and KeyFile are PEM, for the name of the Service that the
	// APIService names. They are read again when they are replaced.
	CertificateFile, KeyFile string
	// Client may get ConfigMap kube-system/extension-apiserver-authentication and
	// create SubjectAccessReviews.
	Client  kubernetes.Interface
	Objects Objects
	Board   *Board
}

// Server serves external.metrics.k8s.io/v1beta1 to the API server of the
// cluster, and to nobody else: it wants the certificate by which the API server
// passes requests on, and asks it whether the user may read what he asks for.
type Server struct {
	options ServerOptions
	tls     *tls.Config
	handler http.Handler
}

// NewServer checks the options. Nothing listens yet.
func NewServer(o ServerOptions) (*Server, error) {
	if o.Client == nil || o.Objects == nil || o.Board == nil {
		return nil, errors.New("external metrics: a client, objects and a board are needed")
	}
	files := &certificate{certFile: o.CertificateFile, keyFile: o.KeyFile, now: time.Now}
	if _, err := files.get(nil); err != nil {
		return nil, fmt.Errorf("external metrics: %w", err)
	}
	e := &external{
		proxy: &frontProxy{client: o.Client, now: time.Now}, gate: &gate{client: o.Client, now: time.Now},
		objects: o.Objects, board: o.Board, now: time.Now,
	}
	return &Server{
		options: o, handler: e.handler(),
		// The certificate of who asks is asked for, and looked at with the request: by
		// then it is known whom to trust.
		tls: &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert, GetCertificate: files.get},
	}, nil
}

// Start serves until the context ends.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("external metrics: %w", err)
	}
	return s.Serve(ctx, listener)
}

// Serve is [Server.Start] on a listener that is there, which it closes.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headersWithin, ReadTimeout: answerWithin, WriteTimeout: answerWithin, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(tls.NewListener(listener, s.tls)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("external metrics: %w", err)
	case <-ctx.Done():
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	err := server.Shutdown(within)
	<-ended
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close()
	}
	return err
}

// NeedLeaderElection says that every replica serves, not only the one that
// leads: a Service spreads requests over all.
func (*Server) NeedLeaderElection() bool { return false }

// certificate reads a pair of files at most once a minute.
type certificate struct {
	certFile, keyFile string
	now               func() time.Time

	mu   sync.Mutex
	read time.Time
	pair *tls.Certificate
}

// get is the newest pair. While the files are unreadable, as in the middle of a
// replacement, the last one is used.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && c.now().Sub(c.read) < certificateKept {
		return c.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	switch {
	case err == nil:
		c.pair, c.read = &pair, c.now()
	case c.pair == nil:
		return nil, fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	return c.pair, nil
}
