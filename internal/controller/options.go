package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Role is what a program does.
type Role string

// The roles.
const (
	// RoleAll recommends and puts into force.
	RoleAll Role = "all"
	// RoleRecommender decides and writes recommendations, and changes nothing else.
	RoleRecommender Role = "recommender"
	// RoleActuator puts recommendations into force, and decides nothing.
	RoleActuator Role = "actuator"
)

func (r Role) recommends() bool { return r != RoleActuator }
func (r Role) actuates() bool   { return r != RoleRecommender }

// Options are what the flags say.
type Options struct {
	Role          Role
	LeaderElect   bool
	Namespace     string
	LeaseDuration time.Duration
	Metrics       string
	Health        string
	// Profiling is where profiles are served, empty for nowhere.
	Profiling string
	// External is where external.metrics.k8s.io is served, empty for nowhere, with
	// the certificate in the folder ExternalCertificates.
	External             string
	ExternalCertificates string
	ConfigFile           string
	Namespaces           []string
	Kubeconfig           string
	LogLevel             string
	Record               string
	Check                string
	Pulse                time.Duration
	ResourceMetrics      bool
	Warmup               time.Duration
	Concurrency          int
	Grace                time.Duration
	Version              string
	// Log is the program's, Quiet that of the libraries, which tell only what is
	// wrong unless everything is logged.
	Log, Quiet logr.Logger
}

// bind declares the flags.
func (o *Options) bind(fs *pflag.FlagSet) {
	fs.StringVar((*string)(&o.Role), "role", string(RoleAll), "what this program does: all, recommender (writes recommendations only) or actuator (puts them into force)")
	fs.BoolVar(&o.LeaderElect, "leader-elect", false, "work only while holding the lease rightsize-ROLE, so that others can stand by")
	fs.StringVar(&o.Namespace, "leader-election-namespace", os.Getenv("POD_NAMESPACE"), "namespace of the lease (default $POD_NAMESPACE)")
	fs.DurationVar(&o.LeaseDuration, "lease-duration", 15*time.Second, "how long a lease holds that is not renewed")
	fs.StringVar(&o.Metrics, "metrics-bind-address", ":8080", "address of /metrics; 0 serves none")
	fs.StringVar(&o.Health, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 serves none")
	fs.StringVar(&o.Profiling, "pprof-bind-address", "", "address of /debug/pprof, for the profiles of Go; keep it on the loopback (default: not served)")
	fs.StringVar(&o.External, "external-metrics-bind-address", "", "address of external.metrics.k8s.io, which offers forecasts to HPAs (default: not served)")
	fs.StringVar(&o.ExternalCertificates, "external-metrics-cert-dir", "/etc/rightsize/external-metrics", "folder of tls.crt and tls.key for it, read again when they change")
	fs.StringVar(&o.ConfigFile, "config", "", "settings file (docs/config.md), read again when it changes; the connection to Prometheus takes a restart")
	fs.StringSliceVar(&o.Namespaces, "watch-namespaces", nil, "namespaces to work in, comma-separated (default all)")
	fs.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file, to run outside of a cluster (default: the service account, else $KUBECONFIG)")
	fs.StringVar(&o.LogLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&o.Record, "record-decisions", "", "folder for the snapshot that the last decision about each workload was made from, and the decision, as JSON (default none)")
	fs.StringVar(&o.Check, "check-decisions", "", "folder of --record-decisions: decide again about each snapshot in it, tell which decisions would be others than recorded, and end with 1 where any is")
	fs.DurationVar(&o.Pulse, "pulse-interval", 15*time.Second, "how often the newest demand of all workloads is looked at between rounds, but no more often than it is scraped; 0 never")
	fs.BoolVar(&o.ResourceMetrics, "resource-metrics", true, "also look at metrics.k8s.io each --pulse-interval, where it is served: it knows of a surge before Prometheus has scraped it")
	fs.DurationVar(&o.Warmup, "warm-up", 5*time.Minute, "how long after a start only what cannot wait is changed")
	fs.IntVar(&o.Concurrency, "concurrency", 8, "decisions, and plans, that are made at once, 1 to 32")
	fs.DurationVar(&o.Grace, "shutdown-grace", 30*time.Second, "how long a change under way may take to end on shutdown")
}

// check says what is wrong with the options.
func (o *Options) check() error {
	var errs []error
	if !slices.Contains([]Role{RoleAll, RoleRecommender, RoleActuator}, o.Role) {
		errs = append(errs, fmt.Errorf("--role has to be all, recommender or actuator, got %q", o.Role))
	}
	if o.LeaderElect && o.Namespace == "" {
		errs = append(errs, errors.New("--leader-elect needs --leader-election-namespace or POD_NAMESPACE"))
	}
	if o.LeaseDuration < 3*time.Second {
		errs = append(errs, fmt.Errorf("--lease-duration has to be at least 3s, got %s", o.LeaseDuration))
	}
	if o.Pulse != 0 && o.Pulse < time.Second {
		errs = append(errs, fmt.Errorf("--pulse-interval has to be 0 or at least 1s, got %s", o.Pulse))
	}
	if o.Warmup < 0 {
		errs = append(errs, fmt.Errorf("--warm-up must not be negative, got %s", o.Warmup))
	}
	if o.Concurrency < 1 || o.Concurrency > 32 {
		errs = append(errs, fmt.Errorf("--concurrency has to be 1 to 32, got %d", o.Concurrency))
	}
	if o.Grace < 0 {
		errs = append(errs, fmt.Errorf("--shutdown-grace must not be negative, got %s", o.Grace))
	}
	if slices.Contains(o.Namespaces, "") {
		errs = append(errs, errors.New("--watch-namespaces has an empty name in it"))
	}
	return errors.Join(errs...)
}

// writing is how long writes under way go on when the program is to end: when the
// lease is lost, not beyond the time from which another may hold it. A leader that
// cannot renew its lease gives up after two thirds of it.
func (o *Options) writing() time.Duration {
	if o.LeaderElect {
		return min(o.Grace, o.LeaseDuration/3)
	}
	return o.Grace
}

// restConfig is the connection to the API server, without a limit on the rate
// of requests on this side: the server has its own.
func (o *Options) restConfig() (*rest.Config, error) {
	c, err := o.connection()
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	c.QPS = -1
	c.UserAgent = "rightsize-controller/" + o.Version + " " + string(o.Role)
	return c, nil
}

func (o *Options) connection() (*rest.Config, error) {
	if o.Kubeconfig == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		return rest.InClusterConfig()
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
}

// Main runs the program and returns its exit code: 0 where it was asked to end,
// 1 where it failed, 2 for wrong flags.
func Main(ctx context.Context, version string, args []string, out io.Writer) int {
	o := Options{Version: version}
	fs := pflag.NewFlagSet("rightsize-controller", pflag.ContinueOnError)
	fs.SetOutput(out)
	o.bind(fs)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return 0
		}
		_, _ = fmt.Fprintln(out, err)
		return 2
	}
	var level slog.Level
	err := level.UnmarshalText([]byte(o.LogLevel))
	if err != nil {
		err = fmt.Errorf("--log-level has to be debug, info, warn or error, got %q", o.LogLevel)
	}
	if len(fs.Args()) > 0 {
		err = errors.Join(err, fmt.Errorf("takes no arguments, got %s", strings.Join(fs.Args(), " ")))
	}
	if err := errors.Join(err, o.check()); err != nil {
		_, _ = fmt.Fprintln(out, err)
		return 2
	}
	if o.Check != "" {
		alike, err := checkRecords(o.Check, out)
		if err != nil {
			_, _ = fmt.Fprintln(out, err)
		}
		if err != nil || !alike {
			return 1
		}
		return 0
	}
	o.Log, o.Quiet = logr.FromSlogHandler(logHandler(out, level)), logr.FromSlogHandler(logHandler(out, level))
	if level >= slog.LevelInfo {
		o.Quiet = logr.FromSlogHandler(logHandler(out, max(level, slog.LevelWarn)))
	}
	if err := Run(ctx, o); err != nil {
		o.Log.Error(err, "rightsize-controller ends")
		return 1
	}
	return 0
}

// logHandler writes JSON, and text on a terminal.
func logHandler(out io.Writer, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return slog.NewTextHandler(out, options)
	}
	return slog.NewJSONHandler(out, options)
}

// dir is the folder that relative paths of the settings are relative to.
func (o *Options) dir() string { return filepath.Dir(o.ConfigFile) }
