package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// auditPolicy has the API server record what service accounts of the release
// ask for, but for watching.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [watch]
- level: Metadata
  userGroups: ["system:serviceaccounts:` + system + `"]
- level: None
`

// auditLog is the API server's own record of what the controller asked for.
type auditLog struct{ file string }

// request is one of them.
type request struct {
	AuditID   string
	Verb      string
	User      struct{ Username string }
	ObjectRef struct{ Resource, Subresource, Namespace, Name, APIGroup string }
	// ResponseStatus is that of the answer.
	ResponseStatus struct{ Code int }
	RequestURI     string
	// RequestReceivedTimestamp is when it came.
	RequestReceivedTimestamp time.Time
}

// object is what a request was about: resource/subresource namespace/name.
func (r request) object() string {
	o := r.ObjectRef.Resource
	if r.ObjectRef.Subresource != "" {
		o += "/" + r.ObjectRef.Subresource
	}
	return strings.TrimSpace(o + " " + r.ObjectRef.Namespace + "/" + r.ObjectRef.Name)
}

// what is resource/subresource.
func (r request) what() string {
	what, _, _ := strings.Cut(r.object(), " ")
	return what
}

// writes says whether the request changes something.
func (r request) writes() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

// newAuditLog returns one with the flags of the API server that writes it.
func newAuditLog(t testing.TB) (*auditLog, []string) {
	t.Helper()
	dir := t.TempDir()
	policy, file := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	return &auditLog{file: file}, []string{"--audit-policy-file=" + policy, "--audit-log-path=" + file, "--audit-log-maxsize=1000"}
}

// since returns the requests that came at an instant or later.
func (a *auditLog) since(t testing.TB, at time.Time) []request {
	t.Helper()
	f, err := os.Open(a.file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []request
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			continue // The last line, being written, or cut when the server was killed.
		}
		if !r.RequestReceivedTimestamp.Before(at) {
			out = append(out, r)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// writes returns the requests since an instant that change something and meet
// a condition.
func (a *auditLog) writes(t testing.TB, at time.Time, which func(request) bool) []request {
	t.Helper()
	var out []request
	for _, r := range a.since(t, at) {
		if r.writes() && which(r) {
			out = append(out, r)
		}
	}
	return out
}

// in selects requests about a namespace; of, about a resource/subresource.
func in(namespace string) func(request) bool {
	return func(r request) bool { return r.ObjectRef.Namespace == namespace }
}

func of(namespace, what string) func(request) bool {
	return func(r request) bool { return r.ObjectRef.Namespace == namespace && r.what() == what }
}

// describe is requests for messages, at most ten.
func describe(requests []request) string {
	var b strings.Builder
	for i, r := range requests {
		if i == 10 {
			fmt.Fprintf(&b, "\n  … %d in all", len(requests))
			break
		}
		fmt.Fprintf(&b, "\n  %s %s %s: %d", r.RequestReceivedTimestamp.Format(time.TimeOnly), r.Verb, r.object(), r.ResponseStatus.Code)
	}
	return b.String()
}
