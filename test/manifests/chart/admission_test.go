package chart_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// A Deployment's pod as its ReplicaSet makes it.
const webPod = `
metadata:
  name: web-7d4b9-x
  labels: {pod-template-hash: 7d4b9}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-7d4b9, uid: u, controller: true}]
spec:
  containers: [{name: app, image: i, resources: %s}]
`

// A RightSize of the Deployment web with a recommendation for its container.
const webSize = `
spec: {mode: %s, targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
status: {recommendation: {containers: [{name: app, requests: {cpu: 300m, memory: 512Mi}%s}]}}
`

type admissionCase struct {
	// rightsizes are YAML documents, pod is one.
	rightsizes []string
	pod        string
	namespace  string
	// want are the containers' requests/limits; "" for the pod as it was.
	want string
}

func TestPodsAreSizedAtCreation(t *testing.T) {
	t.Parallel()
	burstable := fmt.Sprintf(webPod, "{requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 1Gi}}")
	apply := fmt.Sprintf(webSize, "Apply", "")
	boost := `, startup: {cpu: "2", seconds: 60}`
	boostUnder := `, limits: {cpu: 500m, memory: 1Gi}, startup: {cpu: "2", seconds: 60}`
	resolved := func(status string) string {
		return strings.Replace(apply, "status: {", "status: {conditions: [{type: Ready, status: 'False'}, {type: TargetResolved, status: '"+status+"'}], ", 1)
	}
	cases := map[string]admissionCase{
		"a target that is found":             {rightsizes: []string{resolved("True")}, pod: burstable, want: "app cpu=300m memory=512Mi/1Gi"},
		"a target that is not known of":      {rightsizes: []string{resolved("Unknown")}, pod: burstable, want: "app cpu=300m memory=512Mi/1Gi"},
		"a target that another has":          {rightsizes: []string{resolved("False")}, pod: burstable},
		"more CPU while it starts":           {rightsizes: []string{fmt.Sprintf(webSize, "Apply", boost)}, pod: burstable, want: "app cpu=2 memory=512Mi/1Gi"},
		"no more where nobody takes it back": {rightsizes: []string{fmt.Sprintf(webSize, "Initial", boost)}, pod: burstable, want: "app cpu=300m memory=512Mi/1Gi"},
		"its limit rises with it":            {rightsizes: []string{fmt.Sprintf(webSize, "Apply", boostUnder)}, pod: strings.Replace(burstable, "memory: 1Gi", "cpu: 500m, memory: 512Mi", 1), want: "app cpu=2/2001m memory=512Mi/1Gi"},
		"no more under a limit that stays":   {rightsizes: []string{fmt.Sprintf(webSize, "Apply", boost)}, pod: strings.Replace(burstable, "memory: 1Gi", "cpu: 500m, memory: 512Mi", 1), want: "app cpu=300m/500m memory=512Mi/512Mi"},
		"an equal limit stays equal":         {rightsizes: []string{fmt.Sprintf(webSize, "Apply", `, limits: {cpu: 300m, memory: 1Gi}, startup: {cpu: 1500m, seconds: 60}`)}, pod: strings.Replace(burstable, "memory: 1Gi", "cpu: 100m, memory: 512Mi", 1), want: "app cpu=1500m/1500m memory=512Mi/1Gi"},
		"a limit that leaves room stays":     {rightsizes: []string{fmt.Sprintf(webSize, "Apply", `, limits: {cpu: 4, memory: 1Gi}, startup: {cpu: 1500m, seconds: 60}`)}, pod: strings.Replace(burstable, "memory: 1Gi", "cpu: 4, memory: 512Mi", 1), want: "app cpu=1500m/4 memory=512Mi/1Gi"},
		"Guaranteed while it starts":         {rightsizes: []string{fmt.Sprintf(webSize, "Apply", `, startup: {cpu: "2", seconds: 60}`)}, pod: fmt.Sprintf(webPod, "{limits: {cpu: 0.1, memory: 256Mi}}"), want: "app cpu=2/2 memory=512Mi/512Mi"},
		"Apply": {
			rightsizes: []string{apply}, pod: burstable,
			want: "app cpu=300m memory=512Mi/1Gi",
		},
		"Initial": {
			rightsizes: []string{fmt.Sprintf(webSize, "Initial", "")}, pod: burstable,
			want: "app cpu=300m memory=512Mi/1Gi",
		},
		"DryRun writes nothing":                {rightsizes: []string{fmt.Sprintf(webSize, "DryRun", "")}, pod: burstable},
		"Paused writes nothing":                {rightsizes: []string{fmt.Sprintf(webSize, "Paused", "")}, pod: burstable},
		"no RightSize":                         {pod: burstable},
		"kube-system is never touched":         {rightsizes: []string{apply}, pod: burstable, namespace: "kube-system"},
		"kube-public neither":                  {rightsizes: []string{apply}, pod: burstable, namespace: "kube-public"},
		"a pod that opted out":                 {rightsizes: []string{apply}, pod: strings.Replace(burstable, "labels: {", `labels: {rightsize.dev/opt-out: "", `, 1)},
		"sizes that are fixed":                 {rightsizes: []string{strings.Replace(apply, "spec: {", "spec: {vertical: {mode: Fixed}, ", 1)}, pod: burstable},
		"a container that is fixed":            {rightsizes: []string{strings.Replace(apply, "spec: {", "spec: {vertical: {containers: [{name: app, mode: Fixed}]}, ", 1)}, pod: burstable},
		"all containers fixed":                 {rightsizes: []string{strings.Replace(apply, "spec: {", `spec: {vertical: {containers: [{name: "*", mode: Fixed}]}, `, 1)}, pod: burstable},
		"resources of the pod as a whole":      {rightsizes: []string{apply}, pod: strings.Replace(burstable, "spec:\n", "spec:\n  resources: {requests: {cpu: 1}}\n", 1)},
		"no recommendation yet":                {rightsizes: []string{"spec: {mode: Apply, targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}"}, pod: burstable},
		"a pod of another Deployment":          {rightsizes: []string{strings.Replace(apply, "name: web}", "name: we}", 1)}, pod: burstable},
		"a pod of a longer name":               {rightsizes: []string{strings.Replace(apply, "name: web}", "name: web-7d4b9}", 1)}, pod: burstable},
		"a pod that nobody owns":               {rightsizes: []string{apply}, pod: strings.Replace(burstable, "controller: true", "controller: false", 1)},
		"an owner of the same name and kind":   {rightsizes: []string{strings.Replace(apply, "apps/v1, kind: Deployment", "v1, kind: ReplicaSet", 1)}, pod: strings.Replace(burstable, "name: web-7d4b9, uid", "name: web, uid", 1)},
		"a limit is not gone above":            {rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 250m, memory: 128Mi, ephemeral-storage: 1Gi}}"), want: ""},
		"one of two limits binds":              {rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 250m, memory: 1Gi}}"), want: "app cpu=250m/250m memory=512Mi/1Gi"},
		"recommended limits":                   {rightsizes: []string{fmt.Sprintf(webSize, "Apply", ", limits: {memory: 768Mi}")}, pod: burstable, want: "app cpu=300m memory=512Mi/768Mi"},
		"recommended limits that are too low":  {rightsizes: []string{fmt.Sprintf(webSize, "Apply", ", limits: {memory: 300Mi}")}, pod: burstable, want: "app cpu=300m memory=300Mi/300Mi"},
		"a limit without its request":          {rightsizes: []string{strings.Replace(fmt.Sprintf(webSize, "Apply", ", limits: {cpu: 50m, memory: 768Mi}"), "cpu: 300m, ", "", 1)}, pod: burstable, want: "app cpu=100m memory=512Mi/768Mi"},
		"Guaranteed stays Guaranteed":          {rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{requests: {cpu: 100m, memory: 256Mi}, limits: {cpu: 100m, memory: 256Mi}}"), want: "app cpu=300m/300m memory=512Mi/512Mi"},
		"Guaranteed by limits alone":           {rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{limits: {cpu: 0.1, memory: 256Mi}}"), want: "app cpu=300m/300m memory=512Mi/512Mi"},
		"Guaranteed whatever limits are asked": {rightsizes: []string{fmt.Sprintf(webSize, "Apply", ", limits: {memory: 1Gi}")}, pod: fmt.Sprintf(webPod, "{limits: {cpu: 100m, memory: 256Mi}}"), want: "app cpu=300m/300m memory=512Mi/512Mi"},
		"Burstable does not become Guaranteed": {rightsizes: []string{fmt.Sprintf(webSize, "Apply", ", limits: {cpu: 300m, memory: 512Mi}")}, pod: burstable},
		"BestEffort stays BestEffort":          {rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{}")},
		"an amount that is a number":           {rightsizes: []string{strings.Replace(apply, "cpu: 300m", "cpu: 2", 1)}, pod: burstable, want: "app cpu=2 memory=512Mi/1Gi"},
		"the last of two RightSizes":           {rightsizes: []string{"metadata: {name: other}\n" + strings.Replace(apply, "name: web}", "name: api}", 1), apply}, pod: burstable, want: "app cpu=300m memory=512Mi/1Gi"},
	}
	runAdmission(t, "", cases)
}

func TestPodsOfEveryKindAreRecognized(t *testing.T) {
	t.Parallel()
	size := func(api, kind string) string {
		return strings.Replace(fmt.Sprintf(webSize, "Apply", ""), "apps/v1, kind: Deployment", api+", kind: "+kind, 1)
	}
	pod := func(labels, api, kind, name string) string {
		return fmt.Sprintf(`
metadata:
  name: p
  labels: {%s}
  ownerReferences: [{apiVersion: %s, kind: %s, name: %s, uid: u, controller: true}]
spec:
  containers: [{name: app, image: i, resources: {requests: {cpu: 100m}}}]
`, labels, api, kind, name)
	}
	const sized = "app cpu=300m memory=512Mi"
	scoped := func(scope string) string {
		return strings.Replace(size("apps/v1", "StatefulSet"), "spec: {", "spec: {scope: "+scope+", ", 1)
	}
	first := pod(`apps.kubernetes.io/pod-index: "0"`, "apps/v1", "StatefulSet", "web")
	runAdmission(t, "", map[string]admissionCase{
		"StatefulSet":            {rightsizes: []string{size("apps/v1", "StatefulSet")}, pod: first, want: sized},
		"another version of it":  {rightsizes: []string{size("apps/v2", "StatefulSet")}, pod: first, want: sized},
		"another group":          {rightsizes: []string{size("apps.example/v1", "StatefulSet")}, pod: first},
		"DaemonSet":              {rightsizes: []string{size("apps/v1", "DaemonSet")}, pod: pod("", "apps/v1", "DaemonSet", "web"), want: sized},
		"Job":                    {rightsizes: []string{size("batch/v1", "Job")}, pod: pod("", "batch/v1", "Job", "web"), want: sized},
		"CronJob":                {rightsizes: []string{size("batch/v1", "CronJob")}, pod: pod("", "batch/v1", "Job", "web-29384756"), want: sized},
		"a Job of a longer name": {rightsizes: []string{size("batch/v1", "CronJob")}, pod: pod("", "batch/v1", "Job", "web-x-29384756")},
		"a bare ReplicaSet":      {rightsizes: []string{size("apps/v1", "ReplicaSet")}, pod: pod("", "apps/v1", "ReplicaSet", "web"), want: sized},
		"Argo Rollout":           {rightsizes: []string{size("argoproj.io/v1alpha1", "Rollout")}, pod: pod("rollouts-pod-template-hash: abc", "apps/v1", "ReplicaSet", "web-abc"), want: sized},
		"LeaderWorkerSet":        {rightsizes: []string{size("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")}, pod: pod("leaderworkerset.sigs.k8s.io/name: web", "apps/v1", "StatefulSet", "web-0"), want: sized},
		"a core kind":            {rightsizes: []string{size("v1", "ReplicationController")}, pod: pod("", "v1", "ReplicationController", "web"), want: sized},
		"an ordinal in scope":    {rightsizes: []string{scoped("{ordinals: {first: 0, last: 0}}")}, pod: first, want: sized},
		"an ordinal from 0 on":   {rightsizes: []string{scoped("{ordinals: {first: 0}}")}, pod: first, want: sized},
		"an ordinal outside":     {rightsizes: []string{scoped("{ordinals: {first: 1}}")}, pod: first},
		"a scope of nodes":       {rightsizes: []string{scoped("{nodes: {matchLabels: {a: b}}}")}, pod: first},
	})
}

// Sidecars are sized where they stand, other init containers are not, and what
// the pod has not is not added.
func TestContainersOfPods(t *testing.T) {
	t.Parallel()
	const pod = `
metadata:
  name: p
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true}]
spec:
  initContainers:
  - {name: setup, image: i, resources: {requests: {cpu: 1}}}
  - {name: proxy, image: i, restartPolicy: Always, resources: {requests: {cpu: 10m}}}
  containers:
  - {name: app, image: i, resources: {requests: {cpu: 100m}}}
  - {name: agent, image: i, resources: {requests: {cpu: 20m}}}
`
	const size = `
spec: {mode: Apply, targetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}}
status:
  recommendation:
    containers:
    - {name: app, requests: {cpu: 300m}}
    - {name: proxy, requests: {cpu: 30m}, limits: {cpu: 60m}}
    - {name: setup, requests: {cpu: 5}}
    - {name: gone, requests: {cpu: 5}}
`
	runAdmission(t, "", map[string]admissionCase{
		"each container its own": {rightsizes: []string{size}, pod: pod, want: "setup cpu=1, proxy cpu=30m/60m, app cpu=300m, agent cpu=20m"},
	})
}

func TestBestEffortOnRequest(t *testing.T) {
	t.Parallel()
	apply := fmt.Sprintf(webSize, "Apply", "")
	runAdmission(t, "admission: {bestEffort: Size, excludeNamespaces: [payments]}\nnamespaces: [shop, payments]", map[string]admissionCase{
		"BestEffort is sized":             {namespace: "shop", rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{}"), want: "app cpu=300m memory=512Mi"},
		"a namespace that is left out":    {namespace: "payments", rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{}")},
		"a namespace that is not watched": {namespace: "other", rightsizes: []string{apply}, pod: fmt.Sprintf(webPod, "{}")},
	})
}

// Where nobody takes more CPU back after the start, there is none.
func TestNoBoostWithoutAnActuator(t *testing.T) {
	t.Parallel()
	boost := fmt.Sprintf(webSize, "Apply", `, startup: {cpu: "2", seconds: 60}`)
	for _, values := range []string{"roles: {actuator: false}", "config: {killSwitch: true}"} {
		runAdmission(t, values, map[string]admissionCase{
			values: {rightsizes: []string{boost}, pod: fmt.Sprintf(webPod, "{requests: {cpu: 100m}}"), want: "app cpu=300m memory=512Mi"},
		})
	}
}

func runAdmission(t *testing.T, values string, cases map[string]admissionCase) {
	t.Helper()
	c := newPolicyContext(t, values)
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		tc := cases[name]
		t.Run(name, func(t *testing.T) {
			namespace := tc.namespace
			if namespace == "" {
				namespace = fmt.Sprintf("ns-%d", i)
			}
			var before, pod corev1.Pod
			decode(t, []byte(tc.pod), &before)
			decode(t, []byte(tc.pod), &pod)
			var rightsizes []map[string]any
			for _, r := range tc.rightsizes {
				rightsizes = append(rightsizes, unmarshal(t, r))
			}
			create(t, c, namespace, rightsizes, &pod)
			want := tc.want
			if want == "" {
				want = resources(&before)
				if pod.Annotations["rightsize.dev/sized-by"] != "" {
					t.Error("a pod that is left alone says that it was sized")
				}
			} else if got := pod.Annotations["rightsize.dev/sized-by"]; got != "web" {
				t.Errorf("sized by %q, want web", got)
			}
			if got := resources(&pod); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			checkRest(t, &before, &pod)
		})
	}
}

// checkRest checks that nothing but resources and the annotation changed, and
// that no request is above its limit.
func checkRest(t *testing.T, before, pod *corev1.Pod) {
	t.Helper()
	b, p := before.DeepCopy(), pod.DeepCopy()
	for _, c := range slices.Concat(p.Spec.Containers, p.Spec.InitContainers) {
		for name, request := range c.Resources.Requests {
			if limit, ok := c.Resources.Limits[name]; ok && request.Cmp(limit) > 0 {
				t.Errorf("%s requests %s of %s and is limited to %s", c.Name, &request, name, &limit)
			}
		}
	}
	for _, pod := range []*corev1.Pod{b, p} {
		pod.Namespace, pod.Annotations, pod.TypeMeta = "", nil, before.TypeMeta
		for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
			for i := range list {
				list[i].Resources = corev1.ResourceRequirements{}
			}
		}
	}
	if diff := cmp.Diff(b, p, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("something else changed (-before +after):\n%s", diff)
	}
}

func unmarshal(t testing.TB, document string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(document), &m); err != nil {
		t.Fatal(err)
	}
	return whole(m).(map[string]any) //nolint:forcetypeassert // It was one.
}

// whole gives whole numbers the type that the API server decodes them into.
func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case float64:
		return int64(v)
	}
	return v
}

// resources prints cpu and memory of the containers as request/limit.
func resources(pod *corev1.Pod) string {
	var parts []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		var b strings.Builder
		b.WriteString(c.Name)
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, hasRequest := c.Resources.Requests[name]
			limit, hasLimit := c.Resources.Limits[name]
			if hasRequest || hasLimit {
				fmt.Fprintf(&b, " %s=", name)
			}
			if hasRequest {
				b.WriteString(request.String())
			}
			if hasLimit {
				b.WriteString("/" + limit.String())
			}
		}
		parts = append(parts, b.String())
	}
	return strings.Join(parts, ", ")
}
