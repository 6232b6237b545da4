package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// pluginName is how kubectl's users call the program.
const pluginName = "kubectl rightsize"

// Limits of the rate of requests, as kubectl has them.
const (
	clusterQPS   = 50
	clusterBurst = 300
)

// clusterFlags say which cluster to read: kubectl's own flags, as far as they
// choose where to go and as whom. How the API server is reached stands in the
// kubeconfig; flags such as --token would be taken for those of the Prometheus.
//
// They are bound by client-go. The same from k8s.io/cli-runtime would link
// kustomize and a printer of tables, for the same flags.
type clusterFlags struct {
	cmd        *cobra.Command
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
	own        *pflag.FlagSet
}

// bind declares the flags.
func (c *clusterFlags) bind(cmd *cobra.Command) {
	c.cmd = cmd
	c.own = pflag.NewFlagSet("", pflag.ContinueOnError)
	c.own.StringVar(&c.kubeconfig, "kubeconfig", "", "file that says how to reach the cluster (default as kubectl)")
	flag := func(name, usage string) clientcmd.FlagInfo {
		return clientcmd.FlagInfo{LongName: name, Description: usage}
	}
	clientcmd.BindOverrideFlags(&c.overrides, c.own, clientcmd.ConfigOverrideFlags{
		CurrentContext: flag("context", "context in that file (default the current one)"),
		ContextOverrideFlags: clientcmd.ContextOverrideFlags{
			AuthInfoName: flag("user", "user in that file (default that of the context)"),
		},
		AuthOverrideFlags: clientcmd.AuthOverrideFlags{
			Impersonate:       flag("as", "user to act as in the cluster"),
			ImpersonateUID:    flag("as-uid", "UID of the user to act as"),
			ImpersonateGroups: flag("as-group", "group to act as in the cluster (repeatable)"),
		},
		Timeout: flag("request-timeout", "limit of each request to the API server, for example 30s; 0 is none"),
	})
	cmd.Flags().AddFlagSet(c.own)
}

// given is one of the flags that is set, the file before others, "" if none is.
func (c *clusterFlags) given() string {
	name := ""
	c.own.VisitAll(func(f *pflag.Flag) {
		if c.cmd.Flags().Changed(f.Name) && (name == "" || f.Name == "kubeconfig") {
			name = f.Name
		}
	})
	return name
}

// plugin says whether the program runs under the name of a kubectl plugin.
func (c *clusterFlags) plugin() bool { return c.cmd.Root().DisplayName() == pluginName }

// wanted says whether a cluster is to be read: where a flag names one, and
// always as a plugin of kubectl.
func (c *clusterFlags) wanted() bool { return c.plugin() || c.given() != "" }

// cluster is one that can be asked.
type cluster struct {
	rest    *rest.Config
	client  kubernetes.Interface
	dynamic dynamic.Interface
	// namespace is that of the context.
	namespace string
}

// connect makes the clients that the flags ask for. Nothing is sent yet.
func (c *clusterFlags) connect() (*cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &c.overrides)
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, c.unusable(err)
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, c.unusable(err)
	}
	config.QPS, config.Burst = clusterQPS, clusterBurst
	config.UserAgent = "rightsize/" + Version()
	// What an API server warns about is of no use here, and would be mixed into results.
	config.WarningHandler = rest.NoWarnings{}
	out := &cluster{rest: config, namespace: namespace}
	if out.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	if out.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return out, nil
}

// unusable is what is wrong with the configuration of kubectl.
func (c *clusterFlags) unusable(err error) error {
	if clientcmd.IsEmptyConfig(err) {
		err = errors.New("it names no cluster")
		if c.plugin() {
			err = fmt.Errorf("%w (the program under its name rightsize needs none)", err)
		}
	}
	return fmt.Errorf("read the configuration of kubectl: %w", err)
}
