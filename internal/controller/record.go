package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rightsize-dev/rightsize/recommender"
)

// record writes what a decision was made from, and the decision, into files of a
// folder: NAMESPACE.KIND.NAME.snapshot.json and .decision.json, those of the last
// decision. `rightsize explain -f` decides again from the first, without a
// cluster, so that a question about a decision is one that can be looked into.
func record(dir string, s recommender.Snapshot, d recommender.Decision) error {
	if dir == "" {
		return nil
	}
	base := filepath.Join(dir, s.Workload.Namespace+"."+s.Workload.Kind+"."+s.Workload.Name)
	err := errors.Join(replace(base+".snapshot.json", s), replace(base+".decision.json", d))
	if err != nil {
		return fmt.Errorf("record the decision about %s: %w", s.Workload, err)
	}
	return nil
}

// replace puts a document in the place of a file, so that nobody reads half of
// one.
func replace(file string, document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	next := file + ".next"
	if err := os.WriteFile(next, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, file)
}
