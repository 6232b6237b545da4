package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rightsize-dev/rightsize/recommender"
)

// replicasMost bounds the numbers of pods in a file: a decision looks at each
// up to ten times as many.
const replicasMost = 100_000

// readSnapshots reads a file of Snapshot documents, "-" for In: one document,
// a List of them, or one after the other as 'rightsize collect' writes them.
func (s Streams) readSnapshots(path string) ([]recommender.Snapshot, error) {
	name, in := path, s.In
	if path == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(path) //nolint:gosec // The user named the file.
		if err != nil {
			return nil, fmt.Errorf("read snapshots: %w", err)
		}
		defer f.Close() //nolint:errcheck // Only read.
		in = f
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read snapshots: %w", err)
	}
	all, err := parseSnapshots(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no snapshot in it", name)
	}
	return all, nil
}

// atLine is an error with the line and column it is about.
func atLine(data []byte, offset int64, err error) error {
	before := data[:min(max(offset, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("%d:%d: %w", line, column, err)
}

// parseSnapshots reads all documents. Its errors begin with line and column.
func parseSnapshots(data []byte) ([]recommender.Snapshot, error) {
	var all []recommender.Snapshot
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			offset := int64(len(data))
			if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
				offset = syntax.Offset - 1
			}
			return nil, atLine(data, offset, fmt.Errorf("not valid JSON: %w", err))
		}
		start := dec.InputOffset() - int64(len(raw))
		some, err := parseDocument(raw)
		if err != nil {
			offset := start
			if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				offset += wrong.Offset - 1
				err = fmt.Errorf("%s: must not be a %s", wrong.Field, wrong.Value)
			}
			return nil, atLine(data, offset, err)
		}
		all = append(all, some...)
	}
}

// parseDocument reads one Snapshot or a List of them.
func parseDocument(raw json.RawMessage) ([]recommender.Snapshot, error) {
	var head struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Items      []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, err
	}
	switch {
	case head.Kind == "List" || head.Kind == recommender.SnapshotKind+"List":
		var all []recommender.Snapshot
		for i, item := range head.Items {
			some, err := parseDocument(item)
			if err != nil {
				return nil, fmt.Errorf("items[%d]: %w", i, plainTypeError(err))
			}
			all = append(all, some...)
		}
		return all, nil
	case head.Kind != recommender.SnapshotKind:
		return nil, fmt.Errorf("kind: must be %s, got %q", recommender.SnapshotKind, head.Kind)
	case head.APIVersion != recommender.APIVersion:
		return nil, fmt.Errorf("apiVersion: must be %s, got %q", recommender.APIVersion, head.APIVersion)
	}
	var s recommender.Snapshot
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return []recommender.Snapshot{s}, checkSnapshot(s)
}

// plainTypeError takes the offset out of an error, which would be that within
// an item.
func plainTypeError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: must not be a %s", wrong.Field, wrong.Value)
	}
	return err
}

func checkSnapshot(s recommender.Snapshot) error {
	switch {
	case s.Now.IsZero():
		return errors.New("now: is missing")
	case s.Workload.Name == "" || s.Workload.Kind == "":
		return errors.New("workload: kind and name are needed")
	case s.Replicas.Desired < 0 || s.Replicas.Ready < 0:
		return fmt.Errorf("replicas: must not be negative, got %d desired and %d ready", s.Replicas.Desired, s.Replicas.Ready)
	}
	for _, n := range []int{s.Replicas.Desired, s.Replicas.Ready, s.Policy.Horizontal.Min, s.Policy.Horizontal.Max} {
		if n > replicasMost {
			return fmt.Errorf("replicas: %d is more than the %d that a workload can have here", n, replicasMost)
		}
	}
	for i, c := range s.Containers {
		if c.Requests.CPU < 0 || c.Requests.Memory < 0 || c.Limits.CPU < 0 || c.Limits.Memory < 0 {
			return fmt.Errorf("containers[%d]: requests and limits must not be negative", i)
		}
	}
	return nil
}
