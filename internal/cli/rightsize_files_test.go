package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rightsize-dev/rightsize/recommender"
)

const shopRightSize = `
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
---
apiVersion: rightsize.dev/v1alpha1
kind: RightSize
metadata: {name: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  riskPercent: 1
  horizontal: {minReplicas: 7, maxReplicas: 9}
`

func TestReadRightSizes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, namespace, wantErr string
	}{
		"one among others":         {text: shopRightSize, namespace: "web"},
		"no namespace":             {text: shopRightSize, wantErr: "RightSize shop has no metadata.namespace"},
		"no RightSize":             {text: "apiVersion: v1\nkind: ConfigMap\n", wantErr: "no object of kind RightSize"},
		"empty":                    {text: "\n---\n", wantErr: "no object of kind RightSize"},
		"an unknown field":         {text: strings.Replace(shopRightSize, "riskPercent", "riskPercnt", 1), namespace: "web", wantErr: `document 2: unknown field "spec.riskPercnt"`},
		"a wrong type":             {text: strings.Replace(shopRightSize, "riskPercent: 1", "riskPercent: low", 1), namespace: "web", wantErr: "riskPercent"},
		"no target":                {text: strings.Replace(shopRightSize, "kind: Deployment, name: shop", "", 1), namespace: "web", wantErr: "spec.targetRef.name are needed"},
		"not YAML":                 {text: "a: [", wantErr: "not valid YAML"},
		"one of another API group": {text: strings.Replace(shopRightSize, "rightsize.dev/v1alpha1", "other.dev/v1", 1), wantErr: "no object of kind RightSize"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "a.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{file, dir} {
				got, err := readRightSizes([]string{path}, c.namespace)
				switch {
				case c.wantErr != "":
					if err == nil || !strings.Contains(err.Error(), c.wantErr) || !strings.Contains(err.Error(), "--rightsize") {
						t.Errorf("error is %v, want one about %q", err, c.wantErr)
					}
				case err != nil:
					t.Error(err)
				case len(got) != 1 || got[0].Name != "shop" || got[0].Namespace != "web":
					t.Errorf("got %v, want shop in web", got)
				}
			}
		})
	}
}

// A RightSize of a file governs its workload, in place of the one of the same
// name that the cluster has, and no other.
func TestRightSizesOfFilesGovern(t *testing.T) {
	t.Parallel()
	applied, err := parseRightSizes([]byte(strings.Replace(shopRightSize, "minReplicas: 7", "minReplicas: 2", 1)))
	if err != nil {
		t.Fatal(err)
	}
	planned, err := parseRightSizes([]byte(shopRightSize))
	if err != nil {
		t.Fatal(err)
	}
	applied[0].Namespace, planned[0].Namespace = "web", "web"
	g, fleet := testGathering(), testFleet()
	g.rightsizes = rightsizes(nil).with(applied).with(planned)
	for _, w := range fleet.Workloads {
		s := g.build(fleet, w)
		governed := w.ID.Name == "shop"
		if got := s.Policy.Horizontal.Min == 7 && s.Policy.Risk == 0.01; got != governed {
			t.Errorf("%s has the policy %+v", w.ID, s.Policy)
		}
		if governed {
			var decider recommender.Recommender
			if d := decider.Decide(s); d.DesiredReplicas < 7 {
				t.Errorf("%d replicas, want the 7 of the file", d.DesiredReplicas)
			}
		}
	}
}
