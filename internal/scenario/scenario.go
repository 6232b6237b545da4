// Package scenario reads the files that the simulator and the forecaster work
// on: series in CSV and scenarios in YAML.
package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/rightsize-dev/rightsize/recommender"
	"github.com/rightsize-dev/rightsize/simulator"
)

// TracesVariable may stand as ${RIGHTSIZE_TRACES} in spec.demand.file, and
// only there: the folder of traces that are not part of a repository.
const TracesVariable = "RIGHTSIZE_TRACES"

// maxScenarioBytes bounds a scenario file.
const maxScenarioBytes = 1 << 20

// Load reads a scenario file and the trace that it names. Errors name the
// file and the path of the field.
func Load(path string) (simulator.Scenario, error) {
	text, err := readLimited(path)
	if err != nil {
		return simulator.Scenario{}, err
	}
	sc, err := Parse(text, filepath.Dir(path))
	if err != nil {
		return simulator.Scenario{}, fmt.Errorf("%s: %w", path, err)
	}
	return sc, nil
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // The user names the file to read.
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	text, err := io.ReadAll(io.LimitReader(f, maxScenarioBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(text) > maxScenarioBytes {
		return nil, fmt.Errorf("%s: larger than %d KiB, so not a scenario", path, maxScenarioBytes>>10)
	}
	return text, nil
}

// Parse reads a scenario whose trace is relative to the folder dir.
func Parse(text []byte, dir string) (simulator.Scenario, error) {
	sc, source, err := parse(text)
	if err != nil {
		return simulator.Scenario{}, err
	}
	if err := source.read(&sc, dir); err != nil {
		return simulator.Scenario{}, err
	}
	if err := sc.Validate(); err != nil {
		return simulator.Scenario{}, err
	}
	return sc, nil
}

// parse reads everything but the trace.
func parse(text []byte) (simulator.Scenario, source, error) {
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return simulator.Scenario{}, source{}, fmt.Errorf("not valid YAML: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return simulator.Scenario{}, source{}, fmt.Errorf("not valid YAML: %w", err)
	}
	fields, ok := document.(map[string]any)
	if !ok {
		return simulator.Scenario{}, source{}, fmt.Errorf("must be a mapping with apiVersion and kind, got %s", shown(document))
	}
	root := newObject(fields)
	sc, src := readRoot(root)
	return sc, src, *root.err
}

func readRoot(root *object) (simulator.Scenario, source) {
	if v := root.text("apiVersion"); v != simulator.APIVersion {
		root.fail("apiVersion", "must be %s, got %q", simulator.APIVersion, v)
	}
	if v := root.text("kind"); v != simulator.ScenarioKind {
		root.fail("kind", "must be %s, got %q", simulator.ScenarioKind, v)
	}
	meta, spec := root.object("metadata"), root.object("spec")
	root.done()
	meta.required("name")
	sc := simulator.Scenario{Name: meta.text("name")}
	meta.done()

	seed := spec.integer("seed", 1)
	if seed < 0 {
		spec.fail("seed", "must be >= 0, got %d", seed)
	}
	sc.Seed = uint64(max(seed, 0))
	sc.Warmup = spec.duration("warmup", 0)
	sc.Step = spec.duration("step", 15*time.Second)
	src := readDemand(spec.object("demand"))
	sc.Duration = src.duration
	readService(spec.object("service"), &sc, &src)
	objective := spec.object("objective")
	sc.Objective = readObjective(objective, spec.has("objective"), sc.Service)
	sc.Cluster = readCluster(spec.object("cluster"), sc.Service)
	sc.Initial = readInitial(spec.object("initial"))
	sc.Bounds = readBounds(spec.object("bounds"), sc.Cluster)
	sc.Prices = readPrices(spec.object("prices"))
	sc.Policies = readPolicies(spec.object("policies"))
	readDisturbances(spec, &sc)
	spec.required("demand", "service", "initial", "bounds")
	spec.done()
	return sc, src
}

func readInitial(o *object) simulator.Initial {
	defer o.done()
	o.required("replicas")
	in := simulator.Initial{
		Replicas: o.integer("replicas", 1),
		Requests: o.resources("requests", recommender.Resources{}),
		Limits:   o.resources("limits", recommender.Resources{}),
	}
	// As in Kubernetes, a limit without a request is the request too.
	if in.Requests.CPU == 0 {
		in.Requests.CPU = in.Limits.CPU
	}
	if in.Requests.Memory == 0 {
		in.Requests.Memory = in.Limits.Memory
	}
	return in
}

func readBounds(o *object, cluster simulator.Cluster) simulator.Bounds {
	defer o.done()
	o.required("maxReplicas")
	smallest := recommender.Resources{CPU: 10, Memory: 32 * recommender.MiB}
	return simulator.Bounds{
		MinReplicas: o.integer("minReplicas", 1),
		MaxReplicas: o.integer("maxReplicas", 1),
		MinAllowed:  o.resources("minAllowed", smallest),
		MaxAllowed:  o.resources("maxAllowed", cluster.Node),
	}
}

// gpusOfNode is how many GPUs a node of an inference service has where the
// file does not say: the usual eight.
const gpusOfNode = 8

func readCluster(o *object, service simulator.Service) simulator.Cluster {
	defer o.done()
	gpus := 0
	if service.Inference != nil {
		gpus = max(gpusOfNode, service.Inference.GPUsPerPod)
	}
	return simulator.Cluster{
		Nodes: o.integer("nodes", 50),
		Node: recommender.Resources{
			CPU: o.cpu("nodeCPU", 16000), Memory: o.memory("nodeMemory", 64*recommender.GiB),
		},
		NodeGPUs:         o.integer("nodeGPUs", gpus),
		ImagePull:        o.duration("imagePull", 0),
		Quota:            o.resources("quota", recommender.Resources{}),
		NodeProvisioning: o.duration("nodeProvisioning", 120*time.Second),
		ResizeDelay:      o.duration("resizeDelay", 3*time.Second),
		Burst:            o.number("burst", 0),
	}
}

func readPrices(o *object) recommender.Prices {
	defer o.done()
	return recommender.Prices{
		CPUCoreHour: o.number("cpuCoreHour", 0.031), MemoryGiBHour: o.number("memoryGiBHour", 0.004),
		GPUHour: o.number("gpuHour", 2.5),
	}
}

func readPolicies(o *object) map[string]simulator.Settings {
	out := map[string]simulator.Settings{}
	for name := range o.fields {
		settings := o.object(name)
		out[name] = simulator.Settings{}
		for key, v := range settings.fields {
			out[name][key] = plain(v)
		}
	}
	return out
}

// plain turns numbers into float64.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = plain(item)
		}
		return out
	default:
		return v
	}
}
