package baseline

import "time"

// readBehavior reads spec.behavior in the words of autoscaling/v2:
//
//	behavior:
//	  scaleUp: {stabilizationWindowSeconds: 0, selectPolicy: Max, tolerance: 0.1,
//	            policies: [{type: Pods, value: 4, periodSeconds: 15}]}
//	  scaleDown: {…}
//
// What is absent gets upstream's defaults, and the values have upstream's
// limits (pkg/apis/autoscaling/validation).
func readBehavior(s *settings, o *HPAOptions) *HPABehavior {
	if !s.has("behavior") {
		return nil
	}
	b := upstreamBehavior(o.Tolerance, o.DownStabilization)
	in := s.object("behavior")
	readRules(in, "scaleUp", &b.Up)
	readRules(in, "scaleDown", &b.Down)
	in.end()
	return &b
}

// readRules reads the rules of one direction.
func readRules(s *settings, name string, r *HPARules) {
	in := s.object(name)
	r.Tolerance = in.number("tolerance", r.Tolerance, 0, 1)
	r.Stabilization = seconds(in.whole("stabilizationWindowSeconds", int(r.Stabilization/time.Second), 0, 3600))
	r.Select = HPASelect(in.text("selectPolicy", string(r.Select),
		string(HPASelectMax), string(HPASelectMin), string(HPASelectDisabled)))
	if list := in.list("policies"); list != nil {
		r.Policies = nil
		for _, p := range list {
			p.required("type", "value", "periodSeconds")
			r.Policies = append(r.Policies, HPAPolicy{
				Percent: p.text("type", "Pods", "Pods", "Percent") == "Percent",
				Value:   p.whole("value", 1, 1, 1_000_000),
				Period:  seconds(p.whole("periodSeconds", 1, 1, 1800)),
			})
			p.end()
		}
	}
	in.end()
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
