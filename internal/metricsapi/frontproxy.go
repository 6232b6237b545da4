package metricsapi

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// Where every API server writes how it vouches for a user to the servers behind
	// it.
	proxyNamespace = "kube-system"
	proxyConfigMap = "extension-apiserver-authentication"
	// proxyRefresh is how long that is believed before it is read again.
	proxyRefresh = time.Minute
	// Answers to who may what are kept so long, at most so many.
	verdictKept  = 30 * time.Second
	verdictsMost = 4096
)

// errStranger says that a request did not come from the API server.
var errStranger = errors.New("only the API server may ask here")

// user is who asked the API server.
type user struct {
	name   string
	uid    string
	groups []string
	extra  map[string]authorizationv1.ExtraValue
}

// frontProxy knows a request that the API server passed on by its client
// certificate, and takes the user from its headers, as the aggregation layer of
// Kubernetes has it.
type frontProxy struct {
	client kubernetes.Interface
	now    func() time.Time

	mu      sync.Mutex
	read    time.Time
	trusted proxyTrust
}

// proxyTrust is what the ConfigMap says.
type proxyTrust struct {
	authorities *x509.CertPool
	names       []string
	users       []string
	uids        []string
	groups      []string
	extras      []string
}

// user is the one on whose behalf the API server asks.
func (f *frontProxy) user(r *http.Request) (user, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return user{}, errStranger
	}
	trust, err := f.trust(r.Context())
	if err != nil {
		return user{}, err
	}
	shown := r.TLS.PeerCertificates
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err = shown[0].Verify(x509.VerifyOptions{
		Roots: trust.authorities, Intermediates: between, CurrentTime: f.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil || len(trust.names) > 0 && !slices.Contains(trust.names, shown[0].Subject.CommonName) {
		return user{}, errStranger
	}
	u := user{name: first(r.Header, trust.users), uid: first(r.Header, trust.uids), extra: map[string]authorizationv1.ExtraValue{}}
	if u.name == "" {
		return user{}, errStranger
	}
	for _, name := range trust.groups {
		u.groups = append(u.groups, r.Header.Values(name)...)
	}
	for name, values := range r.Header {
		for _, prefix := range trust.extras {
			if key, ok := strings.CutPrefix(strings.ToLower(name), strings.ToLower(prefix)); ok {
				if plain, err := url.PathUnescape(key); err == nil {
					key = plain
				}
				u.extra[key] = values
			}
		}
	}
	return u, nil
}

func first(h http.Header, names []string) string {
	for _, name := range names {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}

// trust reads the ConfigMap, at most once a minute. While it cannot be read,
// what it said last holds.
func (f *frontProxy) trust(ctx context.Context) (proxyTrust, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trusted.authorities != nil && f.now().Sub(f.read) < proxyRefresh {
		return f.trusted, nil
	}
	trust, err := f.load(ctx)
	if err != nil {
		if f.trusted.authorities != nil {
			return f.trusted, nil
		}
		return proxyTrust{}, err
	}
	f.trusted, f.read = trust, f.now()
	return trust, nil
}

func (f *frontProxy) load(ctx context.Context) (proxyTrust, error) {
	m, err := f.client.CoreV1().ConfigMaps(proxyNamespace).Get(ctx, proxyConfigMap, metav1.GetOptions{})
	if err != nil {
		return proxyTrust{}, fmt.Errorf("read how the API server vouches for users: %w", err)
	}
	trust := proxyTrust{authorities: x509.NewCertPool()}
	if !trust.authorities.AppendCertsFromPEM([]byte(m.Data["requestheader-client-ca-file"])) {
		return proxyTrust{}, fmt.Errorf("ConfigMap %s/%s: requestheader-client-ca-file holds no certificate: the API server has no aggregation layer", proxyNamespace, proxyConfigMap)
	}
	for key, to := range map[string]*[]string{
		"requestheader-allowed-names": &trust.names, "requestheader-username-headers": &trust.users, "requestheader-uid-headers": &trust.uids,
		"requestheader-group-headers": &trust.groups, "requestheader-extra-headers-prefix": &trust.extras,
	} {
		if text := m.Data[key]; text != "" {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				return proxyTrust{}, fmt.Errorf("ConfigMap %s/%s: %s: %w", proxyNamespace, proxyConfigMap, key, err)
			}
		}
	}
	return trust, nil
}

// gate asks the API server whether a user may read a metric.
type gate struct {
	client kubernetes.Interface
	now    func() time.Time

	mu       sync.Mutex
	verdicts map[string]verdict
}

type verdict struct {
	allowed bool
	reason  string
	until   time.Time
}

// allowed says whether the user may, and if not, why.
func (g *gate) allowed(ctx context.Context, u user, namespace, metric string) (bool, string, error) {
	key, err := json.Marshal([]any{u.name, u.uid, u.groups, u.extra, namespace, metric})
	if err != nil {
		return false, "", err
	}
	g.mu.Lock()
	known, ok := g.verdicts[string(key)]
	g.mu.Unlock()
	if ok && g.now().Before(known.until) {
		return known.allowed, known.reason, nil
	}
	review, err := g.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: u.name, UID: u.uid, Groups: u.groups, Extra: u.extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "list", Group: GroupVersion().Group, Version: GroupVersion().Version, Resource: metric,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, "", fmt.Errorf("ask whether %s may read %s: %w", u.name, metric, err)
	}
	v := verdict{allowed: review.Status.Allowed && !review.Status.Denied, reason: review.Status.Reason, until: g.now().Add(verdictKept)}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.verdicts == nil || len(g.verdicts) >= verdictsMost {
		g.verdicts = map[string]verdict{}
	}
	g.verdicts[string(key)] = v
	return v.allowed, v.reason, nil
}
