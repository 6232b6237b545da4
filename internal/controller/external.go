package controller

import (
	"context"
	"fmt"
	"path/filepath"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/metricsapi"
)

// externalMetrics sets up the server of external.metrics.k8s.io, in every replica
// that recommends, where it is asked for; the board that it returns takes what
// decisions rest on, and is nil where nobody reads it.
func (p *program) externalMetrics() (*metricsapi.Board, error) {
	if p.options.External == "" {
		return nil, nil //nolint:nilnil // A nil board takes what nobody reads.
	}
	c, err := kubernetes.NewForConfig(p.manager.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("external metrics: %w", err)
	}
	board := metricsapi.NewBoard()
	server, err := metricsapi.NewServer(metricsapi.ServerOptions{
		Address:         p.options.External,
		CertificateFile: filepath.Join(p.options.ExternalCertificates, "tls.crt"), KeyFile: filepath.Join(p.options.ExternalCertificates, "tls.key"),
		Client: c, Board: board,
		Objects: func(ctx context.Context, namespace string) ([]v1alpha1.RightSize, error) {
			var all v1alpha1.RightSizeList
			err := p.manager.GetCache().List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
			return all.Items, err
		},
	})
	if err != nil {
		return nil, err
	}
	return board, p.manager.Add(server)
}
