package snapshot

import (
	"math"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rightsize-dev/rightsize/api/v1alpha1"
	"github.com/rightsize-dev/rightsize/recommender"
)

// Bounds of the API.
const (
	containersMost = 8
	reasonsMost    = 4
	replicasMost   = 1000000
	amountMost     = 10
	numberMost     = 12
	codeMost       = 32
	subjectMost    = 16
	nameMost       = 63
	unitMost       = 32
	currencyMost   = 8
	messageMost    = 100
	perMonthMost   = 999999999999
	horizonMost    = 2678400
	hoursPerMonth  = 730
	startupMost    = 3600
	numberDigits   = 4
)

// Status is the previous status with what a decision says: the numbers of pods,
// the recommendation, the heaviest reasons, savings, state, and the condition
// RecommendationAvailable. What is not for a decision to say stays: the
// generation, how far the pods are, and the other conditions. A decision without
// enough data leaves the last recommendation and its savings as they are.
//
// Everything is within the bounds of the API. Of more than 8 containers the
// first are told, and the condition says so.
func Status(d recommender.Decision, previous v1alpha1.RightSizeStatus) v1alpha1.RightSizeStatus {
	s := *previous.DeepCopy()
	s.CurrentReplicas, s.DesiredReplicas = pods(d.CurrentReplicas), pods(d.DesiredReplicas)
	s.Reasons = reasons(d)
	s.State = EncodeState(d.State)
	if d.Action != recommender.ActionNone {
		s.Recommendation = v1alpha1.Recommendation{Replicas: pods(d.DesiredReplicas), Containers: containers(d)}
		if a := d.Accelerator; a != nil {
			s.Recommendation.Profile = cut(a.Name, nameMost)
		}
		s.Savings = savings(d.Cost)
	}
	condition := available(d)
	condition.ObservedGeneration = s.ObservedGeneration
	condition.LastTransitionTime = metav1.Time{Time: d.At.UTC().Truncate(time.Second)}
	meta.SetStatusCondition(&s.Conditions, condition)
	return s
}

// available is the condition RecommendationAvailable.
func available(d recommender.Decision) metav1.Condition {
	c := metav1.Condition{
		Type: v1alpha1.ConditionRecommendationAvailable, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRecommended,
		Message: "the data suffices",
	}
	switch {
	case d.Action == recommender.ActionNone:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonNoData, "there is not enough data for a recommendation"
		for _, r := range d.Reasons {
			if r.Code == recommender.ReasonNoData && r.Message != "" {
				c.Message = cut(r.Message, messageMost)
				break
			}
		}
	case len(d.Containers) > containersMost:
		c.Message = "the pod has more than 8 containers: only the first 8 are sized"
	}
	return c
}

// Forecast sums up the forecast that a decision rests on: of the demand where it
// is known, else of the CPU of the container that is expected to need the most.
// The median is that of the largest value up to the horizon; the upper number is
// what the decision counted with. False where nothing was forecast.
func Forecast(s recommender.Snapshot, d recommender.Decision) (v1alpha1.ForecastSummary, bool) {
	best := -1
	for i, r := range d.Reasons {
		known := r.Code == recommender.ReasonForecast && (r.Subject == "demand" && s.Demand != nil || r.Subject == "cpu")
		switch {
		case !known:
		case r.Subject == "demand":
			best = i
		case best < 0 || d.Reasons[best].Subject == "cpu" && r.After > d.Reasons[best].After:
			best = i
		}
	}
	if best < 0 {
		return v1alpha1.ForecastSummary{}, false
	}
	r := d.Reasons[best]
	signal, usage := "cpu", recommender.Usage{}
	if r.Subject == "demand" {
		signal, usage = s.Demand.Signal, s.Demand.Usage
	} else if i := slices.IndexFunc(s.Containers, func(c recommender.Container) bool { return c.Name == r.Container }); i >= 0 {
		usage = s.Containers[i].CPU
	}
	ahead := recommender.Horizons(s, time.Second)[0]
	out := v1alpha1.ForecastSummary{
		Signal: cut(signal, nameMost), Unit: cut(r.Unit, unitMost),
		HorizonSeconds: int32(min(max(ahead.Seconds(), 1), horizonMost)),
		Now:            number(r.Before), Upper: number(r.After),
	}
	if len(usage.Forecast.Horizons) > 0 {
		out.Median = number(usage.Forecast.MaxWithin(ahead, 0.5))
	}
	return out, true
}

// pods is a number of pods within the API's bounds.
func pods(n int) *int32 {
	out := int32(min(max(n, 0), replicasMost)) //nolint:gosec // Bounded.
	return &out
}

func containers(d recommender.Decision) []v1alpha1.ContainerRecommendation {
	var out []v1alpha1.ContainerRecommendation
	for _, r := range d.Containers[:min(len(d.Containers), containersMost)] {
		c := v1alpha1.ContainerRecommendation{
			Name:     cut(r.Name, nameMost),
			Requests: amounts(r.Target), Limits: amounts(r.TargetLimits),
			LowerBound: amounts(r.LowerBound), UpperBound: amounts(r.UpperBound), Uncapped: amounts(r.UncappedTarget),
		}
		if !d.Workload.Batch() {
			c.Startup = startupSize(r)
		}
		out = append(out, c)
	}
	return out
}

// startupSize is what a container has while its pod starts; nothing where that is
// no more than at other times. Containers of Jobs keep what they began with, so
// they get none: nobody would take it back.
func startupSize(r recommender.Recommendation) v1alpha1.StartupSize {
	requests, _ := r.Starting()
	if requests.CPU <= r.Target.CPU || !(r.Boost.Seconds > 0) {
		return v1alpha1.StartupSize{}
	}
	return v1alpha1.StartupSize{CPU: amounts(requests).CPU, Seconds: int32(min(math.Ceil(r.Boost.Seconds), startupMost))}
}

// amounts leaves out what is zero, which is not set. What has no form of 10
// characters is rounded up to one that has. Larger amounts stay no smaller: a
// request does not exceed its limit by it.
func amounts(r recommender.Resources) v1alpha1.Amounts {
	return v1alpha1.Amounts{
		CPU:    amount(int64(r.CPU), 1000, func(v int64) *resource.Quantity { return resource.NewMilliQuantity(v, resource.DecimalSI) }),
		Memory: amount(int64(r.Memory), 1024, binaryQuantity),
	}
}

func binaryQuantity(v int64) *resource.Quantity { return resource.NewQuantity(v, resource.BinarySI) }

// memory is a number of bytes that a reason tells of; nil where it is none.
func memory(bytes float64) *resource.Quantity {
	if bytes == 0 {
		return number(0)
	}
	return amount(int64(recommender.FromBytes(bytes)), 1024, binaryQuantity)
}

// amount is v > 0, rounded up to the smallest power of the base by which it has
// no more than 10 characters; nil for others.
func amount(v, base int64, of func(int64) *resource.Quantity) *resource.Quantity {
	if v <= 0 {
		return nil
	}
	for unit := int64(1); ; unit *= base {
		rounded := v / unit * unit
		if rounded < v && rounded <= math.MaxInt64-unit {
			rounded += unit
		}
		if q := of(rounded); len(q.String()) <= amountMost || unit > math.MaxInt64/base {
			return q
		}
	}
}

// number has 4 significant digits, and all of them where it is whole; nil where
// it is not a number of reasonable size.
func number(x float64) *resource.Quantity {
	if math.IsNaN(x) || math.Abs(x) >= 1e18 {
		return nil
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e10 {
		return resource.NewQuantity(int64(x), resource.DecimalSI)
	}
	scale := min(max(int(math.Floor(math.Log10(math.Abs(x))))-(numberDigits-1), -9), 15)
	q := resource.NewScaledQuantity(int64(math.Round(x/math.Pow10(scale))), resource.Scale(scale)) //nolint:gosec // -9 to 15.
	if len(q.String()) > numberMost {
		return nil
	}
	return q
}

// savings is empty where the cost is not known.
func savings(c recommender.Cost) v1alpha1.Savings {
	perMonth := math.Round(c.SavingsPerHour() * hoursPerMonth)
	if math.IsNaN(perMonth) {
		return v1alpha1.Savings{}
	}
	whole := int64(min(max(perMonth, -perMonthMost), perMonthMost))
	return v1alpha1.Savings{PerMonth: &whole, Currency: cut(c.Currency, currencyMost)}
}

// cut shortens to at most that many bytes, at a rune.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
