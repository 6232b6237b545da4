// Package chart_test renders charts/rightsize by Helm's own library and holds
// what comes out to the types of those who read it.
package chart_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/yaml"
)

const chartDir = "../../../charts/rightsize"

var update = flag.Bool("update", false, "write the golden files")

// document is one rendered object.
type document struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta `json:"metadata"`

	raw []byte
}

// clusters by what they serve.
const (
	kubernetes137 = "v1.37.0" // Knows MutatingAdmissionPolicy.
	kubernetes135 = "v1.35.0" // Does not.
)

// render returns the objects of the chart with these values, in a fixed order.
func render(t testing.TB, values, version string) []document {
	t.Helper()
	files, err := renderFiles(t, values, version)
	if err != nil {
		t.Fatal(err)
	}
	var documents []document
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		for part := range strings.SplitSeq("\n"+files[name], "\n---\n") {
			if len(bytes.TrimSpace(stripComments([]byte(part)))) == 0 {
				continue
			}
			d := document{raw: []byte(strings.TrimSpace(part) + "\n")}
			if err := yaml.Unmarshal(d.raw, &d); err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, part)
			}
			documents = append(documents, d)
		}
	}
	return documents
}

func stripComments(part []byte) []byte {
	var out []byte
	for line := range bytes.Lines(part) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			out = append(out, line...)
		}
	}
	return out
}

func renderFiles(t testing.TB, values, version string) (map[string]string, error) {
	t.Helper()
	chart, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := yaml.Unmarshal([]byte(values), &v); err != nil {
		t.Fatal(err)
	}
	caps := common.DefaultCapabilities.Copy()
	parsed, err := common.ParseKubeVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	caps.KubeVersion = *parsed
	if version == kubernetes137 {
		caps.APIVersions = append(caps.APIVersions, "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy")
	}
	options := common.ReleaseOptions{Name: "rightsize", Namespace: "rightsize-system", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(chart, v, options, caps)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, all)
}

// settings are the ways to install the chart that are looked at.
func settings() map[string]string {
	return map[string]string{
		"default":    "",
		"namespaced": "namespaces: [shop, web]\nrbac: {readNodes: false, optIn: false}\n",
		"split":      "roles: {split: true}\nscaleTargets: [{group: argoproj.io, resources: [rollouts]}]\ncredentialsSecret: prometheus-token\n",
		"ha":         "replicas: 2\nserviceMonitor: {enabled: true}\nprometheusRule: {enabled: true}\ndashboard: {enabled: true}\n",
		"readonly":   "roles: {actuator: false}\nadmission: {enabled: false}\n",
		"external":   "roles: {split: true}\nexternalMetrics: {enabled: true, secret: certificate, caBundle: PEM}\n",
		"no-crds":    "crds: {install: false}\nnetworkPolicy: {enabled: false}\nserviceAccount: {create: false, names: {recommender: mine}}\n",
	}
}

// The rendered chart is as committed, but for the CRD and the dashboard, which
// are files of their own. To write the files: go test ./chart -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, values := range settings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			for _, d := range render(t, values, kubernetes137) {
				switch { // What is a file of its own in the chart.
				case d.Kind == "CustomResourceDefinition":
					d.raw = []byte("# CustomResourceDefinition " + d.Metadata.Name + ", kept: " + d.Metadata.Annotations["helm.sh/resource-policy"] + "\n")
				case strings.HasSuffix(d.Metadata.Name, "-dashboard"):
					d.raw = []byte("# " + d.Kind + " " + d.Metadata.Name + "\n")
				}
				b.WriteString("---\n")
				b.Write(d.raw)
			}
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("%s is not what the chart renders (-want +got):\n%s", file, diff)
			}
		})
	}
}

// Helm's linter has nothing to say but that there is no icon.
func TestLint(t *testing.T) {
	t.Parallel()
	version, err := common.ParseKubeVersion(kubernetes137)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range settings() {
		var v map[string]any
		if err := yaml.Unmarshal([]byte(values), &v); err != nil {
			t.Fatal(err)
		}
		for _, m := range lint.RunAll(chartDir, v, "rightsize-system", lint.WithKubeVersion(version)).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

// The same values give the same objects, and every object has the labels by
// which it is found and the namespace it belongs into.
func TestObjects(t *testing.T) {
	t.Parallel()
	clusterWide := []string{
		"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
		"APIService",
	}
	for name, values := range settings() {
		seen := map[string]bool{}
		for _, d := range render(t, values, kubernetes137) {
			id := strings.Join([]string{d.Kind, d.Metadata.Namespace, d.Metadata.Name}, "/")
			if seen[id] {
				t.Errorf("%s: %s is there twice", name, id)
			}
			seen[id] = true
			if got := d.Metadata.Labels["app.kubernetes.io/managed-by"]; got != "Helm" {
				t.Errorf("%s: %s has not the labels of the release", name, id)
			}
			if slices.Contains(clusterWide, d.Kind) != (d.Metadata.Namespace == "") {
				t.Errorf("%s: %s has the namespace %q", name, id, d.Metadata.Namespace)
			}
		}
		if len(seen) < 8 {
			t.Errorf("%s: %d objects", name, len(seen))
		}
	}
}

// Values that the schema does not know, or that cannot be, are errors that name
// the path.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ values, want string }{
		"an unknown value":       {"replica: 2", "additional properties 'replica' not allowed"},
		"an unknown inner value": {"image: {name: x}", "at '/image'"},
		"no memory limit":        {"resources: {limits: {memory: null}}", "at '/resources/limits'"},
		"no Prometheus":          {"config: {prometheus: {url: prometheus}}", "at '/config/prometheus/url'"},
		"an unknown mode":        {"admission: {bestEffort: Maybe}", "at '/admission/bestEffort'"},
		"a name that is none":    {"namespaces: [Shop]", "at '/namespaces/0'"},
		"a heap that is none":    {"goMemoryLimit: 500M", "at '/goMemoryLimit'"},
		"a digest that is none":  {"image: {digest: latest}", "at '/image/digest'"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := renderFiles(t, tc.values, kubernetes137)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// The heap ends before the limit: at three quarters of it, however that is written.
func TestGoMemoryLimit(t *testing.T) {
	t.Parallel()
	limit := func(memory string) string { return "resources: {limits: {memory: " + memory + "}}" }
	for values, want := range map[string]string{
		"":                       "480MiB",
		limit("1Gi"):             "768MiB",
		limit("1.5Gi"):           "1152MiB",
		limit("1G"):              "715MiB",
		limit("1048576k"):        "750MiB",
		limit("1073741824"):      "768MiB", // A number, which Helm has as a float.
		limit(`"1073741824"`):    "768MiB",
		limit("1073741824000m"):  "768MiB",
		"goMemoryLimit: 2GiB":    "2GiB",
		`{goMemoryLimit: "off"}`: "off",
		limit("1Ki"):             "1MiB",
	} {
		found := 0
		for _, d := range render(t, values, kubernetes137) {
			if d.Kind != "Deployment" {
				continue
			}
			var deployment appsv1.Deployment
			decode(t, d.raw, &deployment)
			for _, e := range deployment.Spec.Template.Spec.Containers[0].Env {
				if e.Name != "GOMEMLIMIT" {
					continue
				}
				if found++; e.Value != want {
					t.Errorf("%q: GOMEMLIMIT=%s, want %s", values, e.Value, want)
				}
			}
		}
		if found != 1 {
			t.Errorf("%q: %d times GOMEMLIMIT", values, found)
		}
	}
}

// Pods are sized at creation where the cluster can, or where asked for.
func TestAdmissionNeedsTheCluster(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		values, version string
		want            bool
	}{
		"auto on a new cluster":  {"", kubernetes137, true},
		"auto on an old cluster": {"", kubernetes135, false},
		"asked for":              {"admission: {enabled: true}", kubernetes135, true},
		"not wanted":             {"admission: {enabled: false}", kubernetes137, false},
		"auto on the oldest":     {"", "v1.30.0", false},
	}
	for name, tc := range cases {
		got := slices.ContainsFunc(render(t, tc.values, tc.version), func(d document) bool { return d.Kind == "MutatingAdmissionPolicy" })
		if got != tc.want {
			t.Errorf("%s: policy rendered: %t, want %t", name, got, tc.want)
		}
	}
}

// Without a certificate, one is made whose authority the API server is told, for
// the name by which it calls.
func TestExternalMetricsHaveACertificate(t *testing.T) {
	t.Parallel()
	var secret corev1.Secret
	var service apiregistrationv1.APIService
	for _, d := range render(t, "externalMetrics: {enabled: true}\n", kubernetes137) {
		switch d.Kind {
		case "Secret":
			decode(t, d.raw, &secret)
		case "APIService":
			decode(t, d.raw, &service)
		}
	}
	pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(service.Spec.CABundle) || service.Spec.InsecureSkipTLSVerify {
		t.Fatalf("the API server trusts %+v", service.Spec)
	}
	name := service.Spec.Service.Name + "." + service.Spec.Service.Namespace + ".svc"
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
		t.Error(err)
	}
}
