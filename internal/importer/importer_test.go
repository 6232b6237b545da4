package importer_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/internal/importer"
)

var update = flag.Bool("update", false, "rewrite what is wanted")

// TestGolden compares with the files beside the manifests, which the tests of
// the CustomResourceDefinition validate as the API server does.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hpa", "keda", "edges"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			objects, err := importer.Read(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			all, err := importer.Convert(objects)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := importer.Write(&out, all); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Error(diff)
			}
			for i, document := range strings.Split(out.String(), "---\n") {
				var back v1alpha1.RightSize
				if err := yaml.UnmarshalStrict([]byte(document), &back); err != nil {
					t.Error(err)
				}
				if back.Spec.Mode != v1alpha1.ModeDryRun {
					t.Errorf("document %d: mode %q, want DryRun", i, back.Spec.Mode)
				}
			}
		})
	}
}

// convert reads and converts a manifest, and returns what is written or the error.
func convert(t *testing.T, manifest string) string {
	t.Helper()
	objects, err := importer.Read(strings.NewReader(manifest))
	if err != nil {
		return err.Error()
	}
	all, err := importer.Convert(objects)
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	if err := importer.Write(&out, all); err != nil {
		return err.Error()
	}
	return out.String()
}

const (
	hpaHead  = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {kind: Deployment, name: a}\n"
	vpaHead  = "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: a}\nspec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: a}\n"
	kedaHead = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: a}\nspec:\n  scaleTargetRef: {name: a}\n"
)

func TestEdges(t *testing.T) {
	t.Parallel()
	prometheus := "  triggers: [{type: prometheus, metadata: {query: up}}, {type: prometheus, metadata: {query: down}}]\n"
	for name, c := range map[string]struct{ manifest, want string }{
		"HPA default minimum":    {hpaHead + "  maxReplicas: 4", "minReplicas: 1\n"},
		"HPA of v1":              {strings.Replace(hpaHead, "/v2", "/v1", 1) + "  maxReplicas: 4\n  targetCPUUtilizationPercentage: 5", "spec.targetCPUUtilizationPercentage: is not needed"},
		"HPA from zero":          {hpaHead + "  minReplicas: 0\n  maxReplicas: 4", "spec.minReplicas: 0 became 1"},
		"HPA without maximum":    {hpaHead, "HorizontalPodAutoscaler/a: spec.maxReplicas: 0 is not in 1 to 100000"},
		"HPA bounds crossed":     {hpaHead + "  minReplicas: 9\n  maxReplicas: 4", "spec.minReplicas: 9 is more than spec.maxReplicas, 4"},
		"HPA unknown field":      {hpaHead + "  maxReplicas: 4\n  future: 1", "spec.future: has no equivalent"},
		"HPA wrong type":         {hpaHead + "  maxReplicas: four", "HorizontalPodAutoscaler/a: spec: "},
		"HPA tolerance":          {hpaHead + "  maxReplicas: 4\n  behavior: {scaleUp: {tolerance: 3}}", "spec.behavior.scaleUp.tolerance: 3 is not in 0 to 1"},
		"no spec":                {"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}", "HorizontalPodAutoscaler/a: spec: missing"},
		"no workload":            {strings.Replace(hpaHead, "kind: Deployment, ", "kind: Rollout, ", 1) + "  maxReplicas: 4", `spec.scaleTargetRef.apiVersion: "" names no workload`},
		"HPA of a DaemonSet":     {strings.Replace(hpaHead, "Deployment", "DaemonSet", 1) + "  maxReplicas: 4", "the pods of a DaemonSet are not counted"},
		"HPA of a Pod":           {strings.Replace(hpaHead, "kind: Deployment", "apiVersion: v1, kind: Pod", 1) + "  maxReplicas: 4", "a Pod is no workload"},
		"two HPAs":               {hpaHead + "  maxReplicas: 4\n---\n" + strings.Replace(hpaHead, "name: a}\nspec", "name: b}\nspec", 1) + "  maxReplicas: 5", "HorizontalPodAutoscaler/a and HorizontalPodAutoscaler/b both choose the replicas of Deployment/a"},
		"two VPAs":               {vpaHead + "---\n" + vpaHead, "both size the pods"},
		"VPA mode":               {vpaHead, "it was unset, which is Auto: set mode Apply"},
		"VPA crossed bounds":     {vpaHead + "  resourcePolicy: {containerPolicies: [{containerName: a, minAllowed: {cpu: 2}, maxAllowed: {cpu: 1}}]}", "containerPolicies[0].minAllowed.cpu: 2 is more than maxAllowed, 1"},
		"VPA zero bound":         {vpaHead + "  resourcePolicy: {containerPolicies: [{containerName: a, minAllowed: {cpu: 0}}]}", "minAllowed.cpu: 0 is no bound"},
		"VPA no container":       {vpaHead + "  resourcePolicy: {containerPolicies: [{mode: Auto}]}", `containerName: "" names no container`},
		"VPA nothing controlled": {vpaHead + "  resourcePolicy: {containerPolicies: [{containerName: a, controlledResources: []}]}", "- mode: Fixed\n      name: a\n"},
		"KEDA idle":              {kedaHead + "  minReplicaCount: 4\n  idleReplicaCount: 0\n" + prometheus, "idleSeconds: 300\n      wakeReplicas: 4\n"},
		"KEDA short cooldown":    {kedaHead + "  cooldownPeriod: 10\n" + prometheus, "spec.cooldownPeriod: 10 became 60"},
		"KEDA names":             {kedaHead + prometheus, "- name: demand-2\n"},
		"KEDA query of lines":    {kedaHead + "  triggers: [{type: prometheus, metadata: {query: \"a\\n+ b\", \"x\\ny\": z}}]", "metadata.x y: \"z\" has no equivalent"},
		"KEDA idle of none":      {kedaHead + "  idleReplicaCount: 0\n  minReplicaCount: 2\n  triggers: []", "minReplicas: 1\n"},
		"no manifest":            {"a: 1", "document 1: apiVersion or kind is missing"},
		"not YAML":               {"a: [", "document 1: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := convert(t, c.manifest); !strings.Contains(got, c.want) {
				t.Errorf("got\n%s\nwant in it\n%s", got, c.want)
			}
		})
	}
}
