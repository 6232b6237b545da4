package collector

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMatchers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		want string // As it stands in a query.
		err  string
	}{
		"one":               {in: `env="prod"`, want: `env="prod"`},
		"all operators":     {in: `a="1",b!="2",c=~"3|4",d!~"5.*"`, want: `a="1",b!="2",c=~"3|4",d!~"5.*"`},
		"braces and spaces": {in: ` { a = "1" , b =~ '2' , } `, want: `a="1",b=~"2"`},
		"backquotes":        {in: "a=~`x\\.y`", want: `a=~"x\\.y"`},
		"escapes":           {in: `a="x\"y\\z\n\u00e9",b="é"`, want: `a="x\"y\\z\né",b="é"`},
		"quotes in quotes":  {in: `a="'",b='"'`, want: `a="'",b="\""`},
		"comma in value":    {in: `a="1,2"`, want: `a="1,2"`},
		"empty value":       {in: `a=""`, want: `a=""`},
		"nothing":           {in: ` `, err: "empty"},
		"empty braces":      {in: `{}`, err: "empty"},
		"no operator":       {in: `env`, err: "no operator"},
		"unquoted":          {in: `env=prod`, err: "not in quotes"},
		"open quote":        {in: `env="prod`, err: "closing quote"},
		"escaped end":       {in: `env="prod\`, err: "closing quote"},
		"open brace":        {in: `{env="prod"`, err: "closing brace"},
		"second brace":      {in: `env="prod"}`, err: "where a comma should"},
		"wrong operator":    {in: `env!"prod"`, err: "not one of"},
		"double equals":     {in: `env=="prod"`, err: "not in quotes"},
		"wrong label":       {in: `e-nv="prod"`, err: "not a label name"},
		"digit first":       {in: `1env="prod"`, err: "not a label name"},
		"no label":          {in: `="prod"`, err: "not a label name"},
		"wrong regexp":      {in: `env=~"("`, err: "missing closing )"},
		"wrong escape":      {in: `env="\q"`, err: "wrong escape"},
		"injection":         {in: `a="b"} or up{c="d"`, err: "where a comma should"},
		"metric name":       {in: `up{a="b"}`, err: "not a label name"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseMatchers(tc.in)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error is %v, want one about %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// What parses prints as something that parses to the same, and can never close
// the braces it is put between.
func FuzzParseMatchers(f *testing.F) {
	for _, s := range []string{`env="prod"`, "a=~`x`,b!='y'", `{a="\xff\u00e9"}`, `a="}",b="{"`, `a="b"} or up{c="d"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ms, err := parseMatchers(s)
		if err != nil {
			return
		}
		again, err := parseMatchers("{" + ms.String() + "}")
		if err != nil {
			t.Fatalf("%q printed as %s does not parse: %v", s, ms, err)
		}
		if len(again) != len(ms) {
			t.Fatalf("%q has %d matchers, printed %d", s, len(ms), len(again))
		}
		for i := range ms {
			if again[i] != ms[i] {
				t.Fatalf("%q: %v became %v", s, ms[i], again[i])
			}
		}
	})
}

func TestParseSelector(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		want []string
		err  string
	}{
		"nothing":      {in: " "},
		"equal":        {in: "app=shop,tier==web", want: []string{`label_app="shop"`, `label_tier="web"`}},
		"not equal":    {in: "app!=shop", want: []string{`label_app!="shop"`}},
		"sets":         {in: "app in (a, b),tier notin (c)", want: []string{`label_app=~"a|b"`, `label_tier!="c"`}},
		"exists":       {in: "app,!canary", want: []string{`label_app!=""`, `label_canary=""`}},
		"prefixed":     {in: "app.kubernetes.io/name=x.y", want: []string{`label_app_kubernetes_io_name="x.y"`}},
		"regexp chars": {in: "v in (1.2,1.3)", want: []string{`label_v=~"1\\.2|1\\.3"`}},
		"camel case":   {in: "ownerTeam=a", want: []string{`label_owner_team="a"`}},
		"empty value":  {in: "app=", want: []string{`label_app=""`}},
		"wrong key":    {in: "a b=c", err: "not a label key"},
		"wrong value":  {in: `app="x"`, err: "not a label value"},
		"empty part":   {in: "a=b,,c=d", err: "between two commas"},
		"open set":     {in: "a in (b", err: "not a label key"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rs, err := parseSelector(tc.in)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error is %v, want one about %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rs {
				got = append(got, r.matcher().String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("matchers (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{"app=shop", "a in (b,c),!d", "x/y notin ()", "((", "a!=b,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rs, err := parseSelector(s)
		if err != nil {
			return
		}
		for _, r := range rs {
			if _, err := parseMatchers(r.matcher().String()); err != nil {
				t.Fatalf("%q gives the matcher %s, which does not parse: %v", s, r.matcher(), err)
			}
		}
	})
}

func FuzzBodyMessage(f *testing.F) {
	for _, s := range []string{`{"error":"x"}`, `{"error":{"message":"y"}}`, "<html>", "plain\x1b[0m", `{"error":7}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := oneLine(bodyMessage(s), 300)
		if strings.ContainsAny(got, "\n\r\x1b") || len(got) > 303 {
			t.Fatalf("%q is not one short line", got)
		}
	})
}
