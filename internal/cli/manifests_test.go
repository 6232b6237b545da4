package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

// TestSweepJob: the manifest of the documentation is a Job without unknown
// fields, and runs as many shards as it has pods.
func TestSweepJob(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/ci/sweep-job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict(text, &job); err != nil {
		t.Fatal(err)
	}
	n := *job.Spec.Completions
	if *job.Spec.CompletionMode != batchv1.IndexedCompletion || *job.Spec.Parallelism != n {
		t.Errorf("%v completions of mode %v, %d at a time", n, *job.Spec.CompletionMode, *job.Spec.Parallelism)
	}
	if args := job.Spec.Template.Spec.Containers[0].Args[0]; !strings.Contains(args, fmt.Sprintf("--shard $((JOB_COMPLETION_INDEX + 1))/%d ", n)) {
		t.Errorf("%d pods run %s", n, args)
	}
}
