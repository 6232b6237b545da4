package importer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
)

// Defaults of keda.sh/v1alpha1, ScaledObject: https://keda.sh/docs/latest/reference/scaledobject-spec/.
const (
	kedaMaxReplicas     = 100
	kedaCooldownSeconds = 300
)

// Bounds of what ScaledObjects become.
const (
	signalsMost     = 8
	floorsMost      = 16
	queryMostBytes  = 2048
	idleLeast       = 60
	idleMost        = 604800
	wakeMost        = 1000
	minutesOfOneDay = 24 * 60
)

// kedaSpec is what has an equivalent of the spec of a ScaledObject.
type kedaSpec struct {
	ScaleTargetRef   reference `json:"scaleTargetRef"`
	CooldownPeriod   *int32    `json:"cooldownPeriod"`
	IdleReplicaCount *int32    `json:"idleReplicaCount"`
	MinReplicaCount  *int32    `json:"minReplicaCount"`
	MaxReplicaCount  *int32    `json:"maxReplicaCount"`
	Advanced         struct {
		HorizontalPodAutoscalerConfig struct {
			Behavior *autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior"`
		} `json:"horizontalPodAutoscalerConfig"`
	} `json:"advanced"`
	Triggers []kedaTrigger `json:"triggers"`
}

type kedaTrigger struct {
	Type       string            `json:"type"`
	Name       string            `json:"name"`
	MetricType string            `json:"metricType"`
	Metadata   map[string]string `json:"metadata"`
}

func (d *draft) fromScaledObject() error {
	var s kedaSpec
	err := d.decode(&s, map[string]string{
		"pollingInterval":   "left out: how often signals are read is no matter of one workload",
		"fallback":          "has no equivalent and is left out: no answer means unknown, never zero",
		"scalingModifiers":  "left out: say its formula as one PromQL query under demand.signals",
		"authenticationRef": "left out: credentials for Prometheus are in the cluster-wide settings",
	})
	if err != nil {
		return err
	}
	ref := s.ScaleTargetRef
	if ref.Kind == "" {
		ref.Kind = "Deployment"
	}
	if err := d.target("spec.scaleTargetRef", ref.APIVersion, ref.Kind, ref.Name); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.source.Metadata.Annotations)) {
		if strings.HasPrefix(name, "autoscaling.keda.sh/") {
			d.note("metadata.annotations", "%s: %q is left out; mode Paused stops a RightSize", name, d.source.Metadata.Annotations[name])
		}
	}
	least, most := int32(0), int32(kedaMaxReplicas)
	if s.MinReplicaCount != nil {
		least = *s.MinReplicaCount
	}
	if s.MaxReplicaCount != nil {
		most = *s.MaxReplicaCount
	}
	if err := d.replicas("spec.minReplicaCount", least, "spec.maxReplicaCount", most); err != nil {
		return err
	}
	d.idle(s)
	d.behavior("spec.advanced.horizontalPodAutoscalerConfig.behavior", s.Advanced.HorizontalPodAutoscalerConfig.Behavior)
	for i, t := range s.Triggers {
		d.trigger(fmt.Sprintf("spec.triggers[%d]", i), t)
	}
	d.zeroNeedsSignal("spec.minReplicaCount")
	d.horizontal = d.source.String()
	return nil
}

// idle says when the last pod may go.
func (d *draft) idle(s kedaSpec) {
	h := &d.RightSize.Spec.Horizontal
	wake := *h.MinReplicas
	switch {
	case s.IdleReplicaCount != nil && *s.IdleReplicaCount == 0 && wake > 0:
		*h.MinReplicas = 0
		h.ScaleToZero.WakeReplicas = min(wake, wakeMost)
		d.note("spec.idleReplicaCount", "0 became minReplicas 0 with %d pods at the first demand; the minimum of %d while there is some is then up to the forecast", h.ScaleToZero.WakeReplicas, wake)
	case s.IdleReplicaCount != nil:
		d.note("spec.idleReplicaCount", "%d has no equivalent and is left out", *s.IdleReplicaCount)
	}
	cooldown := int32(kedaCooldownSeconds)
	if s.CooldownPeriod != nil {
		cooldown = *s.CooldownPeriod
	}
	if *h.MinReplicas > 0 {
		if s.CooldownPeriod != nil {
			d.note("spec.cooldownPeriod", "left out: it counts only where the last pod may go")
		}
		return
	}
	h.ScaleToZero.IdleSeconds = min(max(cooldown, idleLeast), idleMost)
	if h.ScaleToZero.IdleSeconds != cooldown {
		d.note("spec.cooldownPeriod", "%d became %d: idleSeconds is %d to %d", cooldown, h.ScaleToZero.IdleSeconds, idleLeast, idleMost)
	}
}

func (d *draft) trigger(path string, t kedaTrigger) {
	switch t.Type {
	case "prometheus":
		d.prometheus(path, t)
	case "cpu", "memory":
		d.note(path, "the target of %s (%s) %s", t.Type, cmp.Or(t.Metadata["value"], "no value"), notNeeded)
	case "cron":
		if err := d.cron(t.Metadata); err != nil {
			d.note(path, "cron %q to %q in %q with %q replicas is left out (%v): add it under schedule.floors",
				t.Metadata["start"], t.Metadata["end"], t.Metadata["timezone"], t.Metadata["desiredReplicas"], err)
		}
	default:
		d.note(path, "the trigger %q is not read from Prometheus: %s. Export what it counts and add the query under demand.signals, work that waits with role Backlog", t.Type, settings(t.Metadata))
	}
}

// settings words a trigger's metadata.
func settings(m map[string]string) string {
	words := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		words = append(words, fmt.Sprintf("%s %q", k, m[k]))
	}
	return cmp.Or(strings.Join(words, ", "), "it has no metadata")
}

// prometheus makes a signal of the trigger's query.
func (d *draft) prometheus(path string, t kedaTrigger) {
	query := strings.TrimSpace(t.Metadata["query"])
	signals := &d.RightSize.Spec.Demand.Signals
	switch {
	case query == "" || len(query) > queryMostBytes:
		d.note(path+".metadata.query", "left out: a query has 1 to %d bytes, this one %d: %s", queryMostBytes, len(query), settings(t.Metadata))
		return
	case len(*signals) == signalsMost:
		d.note(path, "left out: a RightSize has at most %d signals: query %q", signalsMost, query)
		return
	}
	name := d.signalName(cmp.Or(t.Name, t.Metadata["metricName"], "demand"))
	*signals = append(*signals, v1alpha1.Signal{
		Name: name, Type: v1alpha1.SignalPromQL,
		PromQL: v1alpha1.PromQLSignal{Query: query, Role: v1alpha1.RoleDemand},
	})
	d.note(path+".metadata.query", "became the signal %s with the role Demand, work that arrives a second: if it counts work that waits, change the role to Backlog, if work being served, to InFlight. The namespace is forced into its selectors", name)
	rest := maps.Clone(t.Metadata)
	for key, why := range map[string]string{
		"threshold": "is not needed: what a pod can do is learned", "activationThreshold": "left out: the forecast says when pods are worth it",
		"serverAddress": "left out: rightsize reads the Prometheus of its settings, which needs to know these series",
	} {
		if _, ok := rest[key]; !ok {
			continue
		}
		rest[key] = fmt.Sprintf("%q %s", rest[key], why)
	}
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		switch key {
		case "query", "metricName":
		case "threshold", "activationThreshold", "serverAddress":
			d.note(path+".metadata."+key, "%s", rest[key])
		default:
			d.note(path+".metadata."+key, "%q has no equivalent and is left out", rest[key])
		}
	}
	if t.MetricType != "" {
		d.note(path+".metricType", "%q is not needed: a signal is about the workload as a whole", t.MetricType)
	}
}

// signalName makes a name of a signal that no other has.
func (d *draft) signalName(from string) string {
	name := regexp.MustCompile(`[^a-z0-9_-]+`).ReplaceAllString(strings.ToLower(from), "-")
	name = strings.Trim(name[:min(len(name), 60)], "-_")
	base := cmp.Or(name, "demand")
	name = base
	for n := 2; slices.ContainsFunc(d.RightSize.Spec.Demand.Signals, func(s v1alpha1.Signal) bool { return s.Name == name }); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

var (
	cronFields = regexp.MustCompile(`^([0-5]?\d) (1?\d|0\d|2[0-3]) ([0-9*/,?-]+ [0-9A-Za-z*/,-]+ [0-9A-Za-z*/,?-]+)$`)
	zoneName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)
)

// cron makes a scheduled floor of a trigger that starts and ends at a time of
// the same days, or the night after them.
func (d *draft) cron(m map[string]string) error {
	start := cronFields.FindStringSubmatch(strings.Join(strings.Fields(m["start"]), " "))
	end := cronFields.FindStringSubmatch(strings.Join(strings.Fields(m["end"]), " "))
	replicas, err := strconv.ParseInt(m["desiredReplicas"], 10, 32)
	s := &d.RightSize.Spec.Schedule
	zone := cmp.Or(m["timezone"], "Etc/UTC")
	switch {
	case start == nil || end == nil:
		return errors.New("start or end is no one time of day")
	case start[3] != end[3]:
		return errors.New("start and end are on other days")
	case err != nil || replicas < 1 || replicas > int64(d.RightSize.Spec.Horizontal.MaxReplicas):
		return errors.New("replicas are not in 1 to the maximum")
	case s.TimeZone != "" && s.TimeZone != zone:
		return fmt.Errorf("a schedule has one time zone, here %s", s.TimeZone)
	case !zoneName.MatchString(zone) || zone == "Local" || len(zone) > 64:
		return errors.New("the time zone is none of the tz database")
	case len(s.Floors) == floorsMost:
		return fmt.Errorf("a RightSize has at most %d floors", floorsMost)
	}
	minutes := (minuteOfDay(end) - minuteOfDay(start) + minutesOfOneDay) % minutesOfOneDay
	if minutes == 0 {
		return errors.New("start is end")
	}
	s.TimeZone = zone
	s.Floors = append(s.Floors, v1alpha1.ScheduledFloor{
		Name: fmt.Sprintf("cron-%d", len(s.Floors)+1), Cron: start[0],
		DurationSeconds: int32(minutes) * 60,
		MinReplicas:     int32(replicas),
	})
	return nil
}

// minuteOfDay is the time of day of a cron expression with plain digits.
func minuteOfDay(fields []string) int {
	minute, _ := strconv.Atoi(fields[1]) // Digits.
	hour, _ := strconv.Atoi(fields[2])
	return hour*60 + minute
}
