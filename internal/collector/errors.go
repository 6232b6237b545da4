package collector

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"golang.org/x/oauth2"
)

// QueryError says which query failed, why, and what can be done about it.
type QueryError struct {
	// What names the answer that was asked for, for example "CPU usage".
	What string
	// Source is the URL of the Prometheus, without credentials.
	Source string
	// Status is the HTTP status, 0 where there was no answer.
	Status int
	// Message is what the server or the network said.
	Message string
	// Hint is what the user can do.
	Hint string
	// Attempts is how often the query was sent.
	Attempts int
	// TooMuch says that a smaller query might have been answered.
	TooMuch bool
	// Err is the cause.
	Err error
}

// Error is one line for the user.
func (e *QueryError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "query %s from %s: ", e.What, e.Source)
	if e.Status >= 300 {
		fmt.Fprintf(&b, "%d %s: ", e.Status, http.StatusText(e.Status))
	}
	b.WriteString(e.Message)
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (tried %d times)", e.Attempts)
	}
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *QueryError) Unwrap() error { return e.Err }

// tooMuch says that a smaller query might be answered.
func tooMuch(err error) bool {
	q, ok := errors.AsType[*QueryError](err)
	return ok && q.TooMuch
}

// failure is what to do about a failed attempt.
type failure struct {
	err   *QueryError
	retry bool
	// attempts bounds how often a query that fails like this is sent.
	attempts int
	after    time.Duration
	// partial says that it did not fail, but was answered with part of the data.
	partial bool
}

// classify says what a failed attempt means.
func (c *client) classify(q call, ex *exchange, err error) failure {
	qe := &QueryError{What: q.what, Source: c.source, Status: ex.status, Message: serverMessage(err), Err: err}
	f := failure{err: qe, after: ex.retryAfter, attempts: c.attempts}
	switch {
	case ex.oversize.Load():
		qe.Status, qe.TooMuch = 0, true
		qe.Message = fmt.Sprintf("the answer is larger than %d bytes", c.maxBytes)
		qe.Hint = "raise max_response_bytes in --prometheus-config, or select fewer namespaces"
	case isTimeout(err):
		qe.Status, qe.TooMuch = 0, q.step > 0
		qe.Message = fmt.Sprintf("no answer within %s", c.timeout)
		qe.Hint = "raise --timeout, or read less with --namespace, --history or --step"
		f.retry, f.attempts = q.step == 0 || q.points() == 1, 2
	case ex.status == 0:
		c.classifyNetwork(&f, err)
	case ex.status >= 300:
		classifyStatus(&f, ex, q)
	default:
		classifyBody(&f, ex)
	}
	return f
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// classifyNetwork is about attempts that got no HTTP answer.
func (c *client) classifyNetwork(f *failure, err error) {
	qe := f.err
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		qe.Hint = "is the address right and the port reachable, for example by kubectl port-forward?"
		f.retry, f.attempts = true, 3
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
			f.retry = false
		}
		return
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		qe.Hint = "give the certificate authority by --tls-ca-file and, if need be, --tls-server-name"
		return
	}
	// How crypto/tls wraps the alert of the other side, which has no exported type.
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		qe.Message, qe.Hint = op.Error(), "does the server ask for a client certificate? See --tls-cert-file"
		return
	}
	if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		qe.Hint = "use http:// instead of https://"
		return
	}
	if token, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		qe.Hint = "the token service refused: check the credentials"
		f.retry = token.Response != nil && token.Response.StatusCode >= 500
		return
	}
	if errors.Is(err, errCredentials) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		qe.Hint = "check the files with credentials and certificates"
		return
	}
	f.retry = true // Reset, closed, broken half-way.
}

// classifyStatus is about answers that are errors.
func classifyStatus(f *failure, ex *exchange, q call) {
	qe := f.err
	switch {
	case ex.status == http.StatusUnauthorized:
		qe.Hint = "check --bearer-token-file, --basic-auth-username, or the header X-Scope-OrgID (--header) where there are tenants"
	case ex.status == http.StatusForbidden:
		qe.Hint = "the credentials are known but may not query; check their role, scope or tenant"
	case ex.status == http.StatusNotFound:
		qe.Hint = "the URL has to be the one that /api/v1/query is below, for example http://mimir/prometheus"
	case ex.status < 400:
		qe.Hint = "the server redirects; use the URL that it redirects to"
	case ex.status == http.StatusTooManyRequests:
		f.retry = true
		qe.Hint = "lower --concurrency"
	case limitMessage(qe.Message):
		qe.TooMuch = true
		qe.Hint = "the server's limits are too tight even for a short query; select fewer namespaces or raise them"
	case ex.status >= 500 && timeoutMessage(qe.Message):
		qe.TooMuch = q.step > 0
		f.retry, f.attempts = q.step == 0, 2
		qe.Hint = "the server is too slow for the query; select fewer namespaces, a shorter --history or a larger --step"
	case ex.status >= 500:
		f.retry = true
	}
}

// classifyBody is about answers that say they are fine and cannot be read.
func classifyBody(f *failure, ex *exchange) {
	qe := f.err
	if strings.Contains(ex.contentType, "html") {
		qe.Message = "the answer is a web page, not JSON"
		qe.Hint = "is a login page or a proxy in front of Prometheus, or is the URL that of its user interface?"
		return
	}
	qe.Message = "the answer cannot be read: " + qe.Message
	qe.Hint = "is it cut off by something between here and Prometheus?"
	f.retry, f.attempts = true, 3
}

// limitMessage recognizes what servers say about queries that are too large:
// Prometheus ("query processing would load too many samples into memory",
// "exceeded maximum resolution of 11,000 points"), Mimir and Cortex ("the
// query exceeded the maximum number of …", "expanded matching pipeline"),
// VictoriaMetrics ("cannot select more than -search.maxSamplesPerQuery").
func limitMessage(s string) bool {
	return regexp.MustCompile(`(?i)too many (samples|points|series|chunks)|exceed(s|ed)?[^.]*(maximum|limit)|limit[^.]*exceeded|cannot select more than|resource[_ ]exhausted|err-mimir-max`).MatchString(s)
}

func timeoutMessage(s string) bool {
	return regexp.MustCompile(`(?i)timed? ?out|deadline exceeded`).MatchString(s)
}

// serverMessage is what the server or the network said, in one short line.
func serverMessage(err error) string {
	msg := err.Error()
	if api, ok := errors.AsType[*promv1.Error](err); ok {
		msg = api.Msg
		if detail := bodyMessage(api.Detail); detail != "" {
			msg = detail
		}
	}
	return oneLine(msg, 300)
}

// bodyMessage takes the error out of the body of an error answer: JSON as
// Prometheus sends it, or plain text. Web pages say nothing worth repeating.
func bodyMessage(body string) string {
	var answer struct {
		Error   any    `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(body), &answer) == nil {
		switch e := answer.Error.(type) {
		case string:
			return e
		case map[string]any: // Google's APIs.
			if m, ok := e["message"].(string); ok {
				return m
			}
		}
		return answer.Message
	}
	if strings.Contains(body, "<") {
		return ""
	}
	return strings.TrimSpace(body)
}

// oneLine makes s safe to print: one line, no control characters, n bytes.
func oneLine(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return shorten(strings.Join(strings.Fields(s), " "), n)
}
