package block_test

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rightsize-dev/rightsize/demo/block"
	"github.com/rightsize-dev/rightsize/demo/fleet"
)

// write generates a short history of the demo's fleet.
func write(t *testing.T, dir string, seed uint64) block.Stats {
	t.Helper()
	f, err := fleet.New(fleet.Options{Seed: seed, History: 3 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := block.Write(t.Context(), f, dir, func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// files maps the path of every file below dir to its hash.
func files(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		sums[rel] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func TestEqualFleetsGiveEqualFolders(t *testing.T) {
	t.Parallel()
	a, b, c := t.TempDir(), t.TempDir(), t.TempDir()
	stats := write(t, a, 1)
	write(t, b, 1)
	write(t, c, 2)
	if stats.Series < 500 || stats.Samples < 50_000 || stats.Bytes == 0 || stats.To.After(fleet.ReportAt()) {
		t.Errorf("wrote %+v", stats)
	}
	if diff := cmp.Diff(files(t, a), files(t, b)); diff != "" {
		t.Errorf("equal fleets differ (-first +second):\n%s", diff)
	}
	if cmp.Equal(files(t, a), files(t, c)) {
		t.Error("another seed gave the same folder")
	}
}

func TestWriteKeepsOffOldBlocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, 1)
	f, err := fleet.New(fleet.Options{History: 3 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, err = block.Write(t.Context(), f, dir, func(int, int) {})
	if err == nil || !strings.Contains(err.Error(), "already holds blocks") {
		t.Errorf("got error %v", err)
	}
}

func TestInterruptedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := fleet.New(fleet.Options{History: 3 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = block.Write(ctx, f, dir, func(done, _ int) {
		if done == 2 {
			cancel()
		}
	})
	if err == nil {
		t.Error("no error")
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}
