package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rightsize-dev/rightsize/internal/importer"
)

type importOptions struct {
	streams   Streams
	cluster   clusterFlags
	file      string
	namespace string
	kinds     []importer.Kind
	name      string
}

func newImportCommand(s Streams) *cobra.Command {
	o := &importOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "import hpa|vpa|scaledobject[,…] [NAME]",
		Short: "Turn an HPA, VPA or ScaledObject into a RightSize in dry run",
		Long: `Writes the RightSize that stands for the autoscalers of a workload, in mode DryRun:
it changes nothing until its mode is changed. An HPA or ScaledObject and a VPA of
one workload become one RightSize. What has no equivalent is said in comments
above it and on standard error.

With -f the autoscalers come from a file of any number of documents, YAML or
JSON, in which NAME and -n select; else from the cluster that kubectl talks to.`,
		Example: `  # from the cluster
  rightsize import hpa checkout -n shop > checkout.yaml

  # the HPA and the VPA of a workload, of the same name, as one RightSize
  rightsize import hpa,vpa checkout -n shop

  # everything in a file
  rightsize import hpa,vpa,scaledobject -f autoscalers.yaml

  # everything in a namespace
  kubectl get hpa,vpa -n shop -o yaml | rightsize import hpa,vpa -f -`,
		Args: usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				o.name = args[1]
			}
			return o.run(cmd.Context(), args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", `read manifests from this file, "-" for standard input, instead of a cluster`)
	f.StringVarP(&o.namespace, "namespace", "n", "", "namespace (default that of the context; with -f all, and of objects that name none)")
	o.cluster.bind(cmd)
	return cmd
}

func (o *importOptions) run(ctx context.Context, kinds string) error {
	for word := range strings.SplitSeq(kinds, ",") {
		kind, err := autoscalerKind(word)
		if err != nil {
			return err
		}
		if !slices.Contains(o.kinds, kind) {
			o.kinds = append(o.kinds, kind)
		}
	}
	var objects []importer.Object
	var err error
	switch {
	case o.file != "" && o.cluster.given() != "":
		return usageErrorf("--%s has no meaning with -f: a file needs no cluster", o.cluster.given())
	case o.file != "":
		objects, err = o.fromFile()
	case o.name == "":
		return usageErrorf("which one? name it, for example 'rightsize import %s checkout -n shop', or give a file with -f", kinds)
	default:
		objects, err = o.fromCluster(ctx)
	}
	if err != nil {
		return err
	}
	all, err := importer.Convert(objects)
	if err != nil {
		return err
	}
	for _, im := range all {
		for _, n := range im.Notes {
			_, _ = fmt.Fprintf(o.streams.Err, "rightsize: %s\n", n)
		}
	}
	return importer.Write(o.streams.Out, all)
}

// autoscalerKind is the kind that a word stands for.
func autoscalerKind(word string) (importer.Kind, error) {
	plain, _, _ := strings.Cut(strings.ToLower(word), ".")
	switch strings.TrimSuffix(plain, "s") {
	case "hpa", "horizontalpodautoscaler":
		return importer.KindHPA, nil
	case "vpa", "verticalpodautoscaler":
		return importer.KindVPA, nil
	case "so", "scaledobject":
		return importer.KindScaledObject, nil
	}
	return "", usageErrorf("unknown kind %q: must be hpa, vpa or scaledobject, or several with commas", word)
}

// fromFile reads the autoscalers that are meant, and says what it skips.
func (o *importOptions) fromFile() ([]importer.Object, error) {
	in, source := o.streams.In, "standard input"
	if o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return nil, err
		}
		defer file.Close() //nolint:errcheck // Only read.
		in, source = file, o.file
	}
	objects, err := importer.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	var meant []importer.Object
	for _, object := range objects {
		m := &object.Metadata
		if m.Namespace == "" {
			m.Namespace = o.namespace
		}
		switch {
		case !slices.Contains(o.kinds, object.Autoscaler()):
			_, _ = fmt.Fprintf(o.streams.Err, "rightsize: skipped %q of %q: import was asked for %s\n", object.String(), object.APIVersion, o.asked())
		case o.name != "" && m.Name != o.name, o.namespace != "" && m.Namespace != o.namespace:
			_, _ = fmt.Fprintf(o.streams.Err, "rightsize: skipped %q in namespace %q: not asked for\n", object.String(), m.Namespace)
		default:
			meant = append(meant, object)
		}
	}
	if len(meant) == 0 {
		return nil, fmt.Errorf("%s: nothing to import among %d objects: no %s that was asked for", source, len(objects), o.asked())
	}
	return meant, nil
}

// asked names the kinds that are imported.
func (o *importOptions) asked() string {
	words := make([]string, 0, len(o.kinds))
	for _, k := range o.kinds {
		words = append(words, string(k))
	}
	return strings.Join(words, " or ")
}
