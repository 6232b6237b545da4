package collector

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// requirement is one part of a Kubernetes label selector.
type requirement struct {
	key string
	// op is one of in, notin, exists, !.
	op     string
	values []string
}

// parseSelector reads a Kubernetes label selector: a=b, a==b, a!=b,
// a in (x,y), a notin (x,y), a and !a, separated by commas. Empty means
// everything.
func parseSelector(s string) ([]requirement, error) {
	var rs []requirement
	for _, part := range splitOutsideParentheses(s) {
		part = strings.TrimSpace(part)
		if part == "" {
			if strings.TrimSpace(s) == "" {
				return nil, nil
			}
			return nil, errors.New("there is nothing between two commas")
		}
		r, err := parseRequirement(part)
		if err != nil {
			return nil, err
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// splitOutsideParentheses splits at commas that are not within (…).
func splitOutsideParentheses(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, s[start:])
}

func parseRequirement(s string) (requirement, error) {
	set := regexp.MustCompile(`^(\S+)\s+(in|notin)\s*\(([^()]*)\)$`)
	if m := set.FindStringSubmatch(s); m != nil {
		r := requirement{key: m[1], op: m[2]}
		for v := range strings.SplitSeq(m[3], ",") {
			r.values = append(r.values, strings.TrimSpace(v))
		}
		return r, r.check()
	}
	for _, op := range []string{"!=", "==", "="} {
		key, value, ok := strings.Cut(s, op)
		if !ok {
			continue
		}
		r := requirement{key: strings.TrimSpace(key), op: "in", values: []string{strings.TrimSpace(value)}}
		if op == "!=" {
			r.op = "notin"
		}
		return r, r.check()
	}
	if key, ok := strings.CutPrefix(s, "!"); ok {
		r := requirement{key: strings.TrimSpace(key), op: "!"}
		return r, r.check()
	}
	r := requirement{key: s, op: "exists"}
	return r, r.check()
}

func (r requirement) check() error {
	// Kubernetes: an optional DNS prefix, then a name of at most 63 characters.
	key := regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	if !key.MatchString(r.key) {
		return fmt.Errorf("%q is not a label key", r.key)
	}
	value := regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
	for _, v := range r.values {
		if !value.MatchString(v) {
			return fmt.Errorf("%q is not a label value", v)
		}
	}
	return nil
}

// matcher translates the requirement to one on kube_pod_labels.
func (r requirement) matcher() matcher {
	label := labelSeries(r.key)
	switch r.op {
	case "in":
		return oneOf(label, r.values)
	case "notin":
		return noneOf(label, r.values)
	case "exists":
		return notEqual(label, "")
	default:
		return equal(label, "")
	}
}

// labelSeries is the name that kube-state-metrics gives to the Kubernetes
// label key: label_ and the key in snake case, with an underscore for what a
// label name cannot hold.
func labelSeries(key string) string {
	name := regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(key, "_")
	name = regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(name, "${1}_${2}")
	return "label_" + strings.ToLower(name)
}
