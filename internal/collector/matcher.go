package collector

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// matcher is one PromQL label matcher.
type matcher struct {
	label string
	op    string // One of =, !=, =~, !~.
	value string
}

func (m matcher) String() string { return m.label + m.op + strconv.Quote(m.value) }

// matchers is a conjunction.
type matchers []matcher

// String is what stands between the braces of a selector.
func (ms matchers) String() string {
	parts := make([]string, len(ms))
	for i, m := range ms {
		parts[i] = m.String()
	}
	return strings.Join(parts, ",")
}

// and returns the matchers followed by others.
func (ms matchers) and(others ...matcher) matchers { return slices.Concat(ms, others) }

// equal is the matcher label="value".
func equal(label, value string) matcher { return matcher{label, "=", value} }

// notEqual is the matcher label!="value".
func notEqual(label, value string) matcher { return matcher{label, "!=", value} }

// oneOf is the matcher for one of several literal values.
func oneOf(label string, values []string) matcher { return anyOf(label, "=", values) }

// noneOf is the matcher for none of several literal values.
func noneOf(label string, values []string) matcher { return anyOf(label, "!", values) }

func anyOf(label, op string, values []string) matcher {
	if len(values) == 1 {
		return matcher{label, strings.TrimSuffix(op, "=") + "=", values[0]}
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return matcher{label, op + "~", strings.Join(quoted, "|")}
}

// parseMatchers reads a comma-separated list of label matchers, with or
// without braces around it. Values are quoted as PromQL quotes them: in double
// or single quotes with Go's escapes, or in backquotes.
func parseMatchers(s string) (matchers, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "{") {
		inner, ok := strings.CutSuffix(s[1:], "}")
		if !ok {
			return nil, errors.New("a closing brace is missing")
		}
		s = strings.TrimSpace(inner)
	}
	var ms matchers
	for s != "" {
		m, rest, err := parseMatcher(s)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return ms, nil
		}
		if rest[0] != ',' {
			return nil, fmt.Errorf("%q follows a matcher where a comma should", shorten(rest, 20))
		}
		s = strings.TrimSpace(rest[1:])
	}
	if ms == nil {
		return nil, errors.New(`it is empty; write label="value"`)
	}
	return ms, nil
}

func parseMatcher(s string) (matcher, string, error) {
	end := strings.IndexAny(s, "=!")
	if end < 0 {
		return matcher{}, "", fmt.Errorf(`%q has no operator; write label="value"`, shorten(s, 20))
	}
	label := strings.TrimSpace(s[:end])
	if !validLabelName(label) {
		return matcher{}, "", fmt.Errorf("%q is not a label name", shorten(label, 40))
	}
	rest := s[end:]
	op := ""
	for _, o := range []string{"=~", "!~", "!=", "="} {
		if strings.HasPrefix(rest, o) {
			op = o
			break
		}
	}
	if op == "" {
		return matcher{}, "", fmt.Errorf("%q is not one of =, !=, =~ and !~", shorten(rest, 5))
	}
	value, rest, err := parseQuoted(strings.TrimSpace(rest[len(op):]))
	if err != nil {
		return matcher{}, "", fmt.Errorf("value of %s: %w", label, err)
	}
	if op == "=~" || op == "!~" {
		if _, err := regexp.Compile("^(?s:" + value + ")$"); err != nil {
			return matcher{}, "", fmt.Errorf("value of %s: %w", label, err)
		}
	}
	return matcher{label, op, value}, rest, nil
}

// parseQuoted reads a quoted string at the start of s.
func parseQuoted(s string) (value, rest string, err error) {
	if s == "" || !strings.ContainsRune("\"'`", rune(s[0])) {
		return "", "", fmt.Errorf("%q is not in quotes", shorten(s, 20))
	}
	quote, body, end := s[0], s[1:], -1
	for i := 0; i < len(body); i++ {
		if body[i] == '\\' && quote != '`' {
			i++
			continue
		}
		if body[i] == quote {
			end = i
			break
		}
	}
	if end < 0 {
		return "", "", errors.New("the closing quote is missing")
	}
	raw, rest := body[:end], body[end+1:]
	if quote == '`' {
		return raw, rest, nil
	}
	var b strings.Builder
	for raw != "" {
		r, multibyte, tail, err := strconv.UnquoteChar(raw, quote)
		if err != nil {
			return "", "", fmt.Errorf("%q has a wrong escape", shorten(raw, 20))
		}
		if multibyte || r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r)) //nolint:gosec // An escape such as \xff is one byte.
		}
		raw = tail
	}
	return b.String(), rest, nil
}

// validLabelName says whether s is a label name of the classic kind.
func validLabelName(s string) bool {
	for i, r := range s {
		letter := r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// shorten cuts s for a message.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 { // Not inside a character.
		n--
	}
	return s[:n] + "…"
}
