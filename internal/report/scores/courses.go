package scores

import (
	"math"
	"slices"
	"strconv"

	"github.com/rightsize-dev/rightsize/internal/judge"
	"github.com/rightsize-dev/rightsize/simulator"
)

// mostPoints is how many points a line on the page has at most. Longer courses
// are shown by parts: the mean of demand, the extremes of everything else.
const mostPoints = 3000

// pageCourses is what the script of the page draws of one scenario.
type pageCourses struct {
	Start    int64        `json:"start"` // Unix seconds.
	Step     int          `json:"step"`  // Seconds of a point.
	Unit     string       `json:"unit"`
	Goal     float64      `json:"goal"`
	GoalOf   string       `json:"goalOf"`
	GoalHow  string       `json:"goalHow"`
	Demand   []number4    `json:"demand"`
	Policies []pageCourse `json:"policies"`
}

type pageCourse struct {
	Name     string         `json:"name"`
	Colour   int            `json:"colour"`
	Replicas []number4      `json:"replicas"`
	Ready    []number4      `json:"ready"`
	Cores    []number4      `json:"cores"` // Requested by all pods.
	Memory   []number4      `json:"memory"`
	Size     []number4      `json:"size"` // Cores that a new pod requests.
	Capacity []number4      `json:"capacity"`
	Latency  []number4      `json:"latency"`
	Bad      []number4      `json:"bad"`
	Blind    []number4      `json:"blind,omitempty"` // Nothing for never.
	Changes  []judge.Change `json:"changes"`
	More     int            `json:"more,omitempty"`
}

// number4 is a number that is written with four digits, which are more than a
// screen shows.
type number4 float64

// MarshalJSON writes the number, null for none.
func (n number4) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	const digits = 4
	return strconv.AppendFloat(nil, float64(n), 'g', digits, 64), nil
}

// courses are those of the items that have one.
func courses(l simulator.ScoreList, result judge.ShardFile, about judge.About) pageCourses {
	p := pageCourses{
		Start: about.Start.Unix(), Step: 60, Unit: about.Unit, Goal: about.GoalSeconds, GoalOf: about.GoalOf,
		GoalHow: about.Statistic, Policies: []pageCourse{},
	}
	part := 1
	for i, item := range l.Items {
		s := item.Series
		if s == nil {
			continue
		}
		if p.Demand == nil {
			part = max(1, (len(s.Demand)+mostPoints-1)/mostPoints)
			p.Step *= part
			p.Demand = byParts(s.Demand, part, meanOf)
		}
		c := pageCourse{
			Name: item.Policy, Colour: i % colours, Changes: []judge.Change{},
			Replicas: byParts(floats(s.Replicas), part, maxOf), Ready: byParts(floats(s.ReadyReplicas), part, minOf),
			Cores: byParts(s.CPURequestCores, part, maxOf), Memory: byParts(s.MemoryRequestGiB, part, maxOf),
		}
		if course := courseOf(result, l.Scenario, item.Policy); course != nil {
			c.Size, c.Capacity = byParts(course.Request, part, maxOf), byParts(course.Capacity, part, minOf)
			c.Latency, c.Bad = byParts(course.Latency, part, maxOf), byParts(floats(course.Bad), part, maxOf)
			if slices.Contains(course.Blind, 1) {
				c.Blind = byParts(floats(course.Blind), part, maxOf)
			}
			c.Changes, c.More = course.Changes, course.MoreChanges
		}
		p.Policies = append(p.Policies, c)
	}
	return p
}

func courseOf(result judge.ShardFile, scenario, policy string) *judge.Course {
	for i, t := range result.Tasks {
		if t.Scenario == scenario && t.Policy == policy {
			return result.Runs[i].Course
		}
	}
	return nil
}

func floats(values []int) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// byParts puts every n values together.
func byParts(values []float64, n int, of func(part []float64) float64) []number4 {
	out := make([]number4, 0, (len(values)+n-1)/n)
	for i := 0; i < len(values); i += n {
		out = append(out, number4(of(values[i:min(i+n, len(values))])))
	}
	return out
}

func meanOf(part []float64) float64 {
	sum := 0.0
	for _, v := range part {
		sum += v
	}
	return sum / float64(len(part))
}

func maxOf(part []float64) float64 {
	most := part[0]
	for _, v := range part {
		most = max(most, v)
	}
	return most
}

func minOf(part []float64) float64 {
	least := part[0]
	for _, v := range part {
		least = min(least, v)
	}
	return least
}
