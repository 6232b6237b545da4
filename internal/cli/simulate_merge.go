package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/rightsize-dev/rightsize/internal/judge"
)

// newMergeCommand makes the command that puts shards together.
func newMergeCommand(s Streams) *cobra.Command {
	o := &resultOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "merge SHARD.json...",
		Short: "Put the parts of a sharded simulation together",
		Long: `merge reads the files that "simulate --shard i/n" wrote, all n of them, and
writes what one run of everything would have written, byte for byte. Shards of
other scenarios, traces, policies or flags are refused, as are missing ones.`,
		Example: `  rightsize simulate scenarios/*.yaml --pareto --shard 1/2 -f 1.json
  rightsize simulate scenarios/*.yaml --pareto --shard 2/2 -f 2.json
  rightsize simulate merge 1.json 2.json -o html -f pareto.html`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.checkFormat(cmd); err != nil {
				return err
			}
			return o.merge(cmd, args)
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *resultOptions) merge(cmd *cobra.Command, files []string) error {
	shards := make([]judge.ShardFile, len(files))
	for i, name := range files {
		f, err := os.Open(name) //nolint:gosec // The user's own path.
		if err != nil {
			return err
		}
		shards[i], err = judge.ReadShard(name, f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	all, err := judge.Merge(shards)
	if err != nil {
		return err
	}
	if all.Mode == judge.Pareto && o.budgets != "" {
		return usageErrorf("%s: --budgets does not go with shards of --pareto", cmd.CommandPath())
	}
	budgets, err := o.readBudgets(all.Policies)
	if err != nil {
		return err
	}
	return o.conclude(all, budgets)
}
