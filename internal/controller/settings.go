package controller

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/rightsize-dev/rightsize/internal/collector"
	"github.com/rightsize-dev/rightsize/internal/config"
)

// settingsEvery is how often the settings file is looked at: the kubelet brings
// a changed ConfigMap within about a minute anyway.
const settingsEvery = 2 * time.Second

// settings are those of the settings file, which is read again when it changes.
type settings struct {
	file string
	log  logr.Logger
	// changed is called after a change.
	changed func(context.Context)

	mu      sync.RWMutex
	text    []byte
	current config.Config
}

// readSettings reads the file. Without one, the defaults hold.
func readSettings(file string, log logr.Logger) (*settings, error) {
	s := &settings{file: file, log: log, current: config.Default()}
	if file == "" {
		return s, nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // The user names the file.
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	s.text = text
	if s.current, err = config.Parse(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// get is what holds now.
func (s *settings) get() config.Config {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current
}

// Start looks at the file until the context ends.
func (s *settings) Start(ctx context.Context) error {
	if s.file == "" {
		return nil
	}
	ticker := time.NewTicker(settingsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.look(ctx)
		}
	}
}

// NeedLeaderElection is false: those who stand by know the settings as well.
func (s *settings) NeedLeaderElection() bool { return false }

// look takes over a file that has changed. One that cannot be read, or that is
// wrong, leaves what held before.
func (s *settings) look(ctx context.Context) {
	text, err := os.ReadFile(s.file)
	if err != nil || bytes.Equal(text, s.text) {
		return // While a ConfigMap is swapped the file may be missing.
	}
	s.text = text
	next, err := config.Parse(text)
	if err != nil {
		s.log.Error(err, "the settings are wrong; those before still hold", "file", s.file)
		return
	}
	s.mu.Lock()
	before := s.current
	s.current = next
	s.mu.Unlock()
	s.log.Info("settings read again", "file", s.file, "killSwitch", next.KillSwitch)
	if !bytes.Equal(before.Prometheus, next.Prometheus) {
		s.log.Info("the connection to Prometheus in the settings has changed: this takes a restart", "file", s.file)
	}
	if s.changed != nil {
		s.changed(ctx)
	}
}

// connect makes the collector that the settings ask for. In some namespaces
// only, it reads no others.
func connect(
	c config.Config, dir string, namespaces []string, observe func(collector.QueryResult, time.Duration),
) (*collector.Collector, time.Duration, error) {
	cfg := collector.DefaultConfig()
	cfg.RateWindow = 0 // It follows the step.
	if c.Prometheus != nil {
		var err error
		if cfg, err = collector.ParseConfig(c.Prometheus); err != nil {
			return nil, 0, fmt.Errorf("settings: prometheus: %w", err)
		}
		cfg.SetDirectory(dir)
	}
	if cfg.URL == "" {
		cfg.URL = os.Getenv("PROMETHEUS_URL")
	}
	if len(cfg.Namespaces) == 0 {
		cfg.Namespaces = namespaces
	}
	cfg.Observe = observe
	made, err := collector.New(cfg)
	if err != nil {
		return nil, 0, fmt.Errorf("settings: prometheus: %w", err)
	}
	step := time.Duration(cfg.Step)
	if step == 0 {
		step = time.Duration(collector.DefaultConfig().Step)
	}
	return made, step, nil
}
