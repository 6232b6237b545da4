package collector

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// confine returns a query of a user that sees the series of one namespace only,
// and of one cluster where there are several: every selector gets a matcher for
// it, in place of any it has for the label. It is an error if the query cannot
// be read or gives no numbers at an instant.
//
// It does what the injectproxy package of prom-label-proxy does, whose newest
// release does not compile with this version of the parser.
func confine(query string, forced matchers) (string, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return "", errors.New(oneLine(err.Error(), 200))
	}
	if t := expr.Type(); t != parser.ValueTypeVector && t != parser.ValueTypeScalar {
		return "", fmt.Errorf("it gives a %s, not a number at an instant", parser.DocumentedType(t))
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			force(selector, forced)
		}
		return nil
	})
	return expr.String(), nil
}

func force(selector *parser.VectorSelector, forced matchers) {
	var kept []*labels.Matcher
	for _, m := range selector.LabelMatchers {
		replaced := false
		for _, f := range forced {
			replaced = replaced || f.label == m.Name
		}
		if !replaced {
			kept = append(kept, m)
		}
	}
	for _, f := range forced {
		kept = append(kept, labels.MustNewMatcher(labels.MatchEqual, f.label, f.value))
	}
	selector.LabelMatchers = kept
}
