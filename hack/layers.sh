#!/usr/bin/env bash
# Checks the layers on what is really linked: the linter sees imports, this
# sees the imports of the imports.
set -euo pipefail
cd "$(dirname "$0")/.."
module=$(go list -m)
status=0

# outside PACKAGE ALLOWED... fails if PACKAGE depends on anything outside the
# standard library that does not start with one of the allowed prefixes.
outside() {
  local package=$1
  shift
  local allowed
  allowed=$(printf '%s\n' "$@" | sed 's/[.]/\\./g' | paste -sd '|')
  local found
  found=$(go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' "./$package" | grep -Ev "^($allowed)(/|\$)" || true)
  if [[ -n $found ]]; then
    echo "layers: $package links what it may not:" >&2
    printf '  %s\n' $found >&2
    status=1
  fi
}

outside forecaster "$module/forecaster" gonum.org/v1/gonum github.com/sajari/regression
outside recommender "$module/forecaster" "$module/recommender" gonum.org/v1/gonum github.com/sajari/regression
outside actuator "$module/forecaster" "$module/recommender" "$module/actuator" gonum.org/v1/gonum github.com/sajari/regression
outside simulator "$module/forecaster" "$module/recommender" "$module/simulator" gonum.org/v1/gonum github.com/sajari/regression

# The API's types are there to be imported by anybody: of what is not in the standard library, only apimachinery.
foreign=$(go list -f '{{join .Imports "\n"}}' ./api/... | grep '[.].*/' | grep -Ev '^k8s.io/apimachinery/' || true)
if [[ -n $foreign ]]; then
  echo "layers: api imports more than apimachinery:" >&2
  printf '  %s\n' $foreign >&2
  status=1
fi

# Of the Prometheus server's module only two things may be linked: the Azure token library, and the parser of PromQL, which
# confines users' queries to their namespaces, with what it needs (docs/design/0001-prometheus-modules.md).
parser='model/(exemplar|histogram|labels|metadata|timestamp|value)|promql/parser(/posrange)?|storage|tsdb/(chunkenc|chunks|fileutil)'
parser+='|util/(annotations|features|kahansum|strutil)'
server=$(go list -deps ./cmd/... | grep '^github.com/prometheus/prometheus/' |
  grep -Ev "^github.com/prometheus/prometheus/(storage/remote/azuread|$parser)\$" || true)
if [[ -n $server ]]; then
  echo "layers: the product links parts of the Prometheus server:" >&2
  printf '  %s\n' $server >&2
  status=1
fi
exit $status
