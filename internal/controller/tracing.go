package controller

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"k8s.io/apimachinery/pkg/types"
)

// tracing makes spans, ends them all, and remembers traces.
type tracing struct {
	tracer trace.Tracer
	traces *traces
	end    func(context.Context) error
}

// newTracing sends spans by OTLP where OTEL_EXPORTER_OTLP_ENDPOINT, or that for
// traces alone, is set; else there are none. The other variables of OpenTelemetry
// are followed as well.
func newTracing(ctx context.Context, version string, role Role) (tracing, error) {
	const name = "github.com/rightsize-dev/rightsize/internal/controller"
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return tracing{noop.NewTracerProvider().Tracer(name), newTraces(), func(context.Context) error { return nil }}, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return tracing{}, fmt.Errorf("export traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "rightsize-controller"), attribute.String("service.version", version), attribute.String("rightsize.role", string(role)),
	), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return tracing{}, fmt.Errorf("describe traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(2*time.Second)), sdktrace.WithResource(about))
	otel.SetTracerProvider(provider)
	return tracing{provider.Tracer(name), newTraces(), provider.Shutdown}, nil
}

// traces remembers of which trace the recommendation of a RightSize is, so that
// putting it into force is part of the same trace. In another program it begins
// one of its own.
type traces struct {
	mu sync.Mutex
	of map[types.UID]trace.SpanContext
}

func newTraces() *traces { return &traces{of: map[types.UID]trace.SpanContext{}} }

func (t *traces) keep(uid types.UID, c trace.SpanContext) {
	if !c.IsSampled() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of[uid] = c
}

func (t *traces) forget(uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, uid)
}

// into is the context in which spans about a RightSize go on with its trace.
func (t *traces) into(ctx context.Context, uid types.UID) context.Context {
	t.mu.Lock()
	c, ok := t.of[uid]
	t.mu.Unlock()
	if !ok {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, c)
}
