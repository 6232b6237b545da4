package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rightsize-dev/rightsize/recommender"
)

// What the names of records end with.
const (
	snapshotSuffix = ".snapshot.json"
	decisionSuffix = ".decision.json"
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
	err := errors.Join(replace(base+snapshotSuffix, s), replace(base+decisionSuffix, d))
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

// checkRecords decides again about every snapshot in a folder of records, tells
// which decisions come out other than they were recorded, to the byte, and says
// whether none does. Before an upgrade, the new program tells by it what it would
// do else than the old one did.
func checkRecords(dir string, out io.Writer) (alike bool, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+snapshotSuffix))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no *%s in %s", snapshotSuffix, dir)
	}
	if err != nil {
		return false, fmt.Errorf("check decisions: %w", err)
	}
	var decider recommender.Recommender
	others := 0
	for _, file := range files {
		base := strings.TrimSuffix(file, snapshotSuffix)
		was, now, err := decideAgain(&decider, base)
		if err != nil {
			return false, fmt.Errorf("check decisions: %w", err)
		}
		if !bytes.Equal(was, now) {
			others++
			_, err = fmt.Fprintf(out, "%s: recorded\n%s\nnow\n%s\n", filepath.Base(base), was, now)
			if err != nil {
				return false, err
			}
		}
	}
	_, err = fmt.Fprintf(out, "%d decisions, %d of them other than recorded\n", len(files), others)
	return others == 0, err
}

// decideAgain is a decision as it was recorded, and as it is made now.
func decideAgain(decider *recommender.Recommender, base string) (was, now []byte, err error) {
	var s recommender.Snapshot
	text, err := os.ReadFile(base + snapshotSuffix) //nolint:gosec // Of the folder that the user named.
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil && (s.Kind != recommender.SnapshotKind || s.APIVersion != recommender.APIVersion || s.Now.IsZero()) {
		err = fmt.Errorf("is no %s of %s", recommender.SnapshotKind, recommender.APIVersion)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", base+snapshotSuffix, err)
	}
	if was, err = os.ReadFile(base + decisionSuffix); err != nil { //nolint:gosec // As above.
		return nil, nil, err
	}
	now, err = json.Marshal(decider.Decide(s))
	return bytes.TrimSpace(was), now, err
}
