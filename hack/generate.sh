#!/usr/bin/env bash
# Writes everything that is generated from the Go types of the API: deep copies, the CRD in the chart, and its reference.
# With --check it writes nothing and fails where a committed file is not what would be written.
# The tools are built by make: make generate, make verify.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-bin}

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$bin/controller-gen" object crd paths=./api/... output:object:dir="$out" output:crd:artifacts:config="$out"
"$bin/crd-ref-docs" --source-path=api --config=hack/api-docs/config.yaml --renderer=markdown \
  --templates-dir=hack/api-docs/templates --output-path="$out/api.md" --log-level=WARN
# The renderer leaves spaces at the ends of lines and more than one empty line.
sed -e 's/[[:space:]]*$//' "$out/api.md" | cat -s >"$out/api.clean.md"

declare -A files=(
  [zz_generated.deepcopy.go]=api/v1alpha1/zz_generated.deepcopy.go
  [rightsize.dev_rightsizes.yaml]=charts/rightsize/files/crds/rightsize.dev_rightsizes.yaml
  [api.clean.md]=docs/reference/api.md
)
status=0
for made in "${!files[@]}"; do
  committed=${files[$made]}
  if [[ ${1:-} == --check ]]; then
    if ! diff -u "$committed" "$out/$made"; then
      echo "generate: $committed is not current: run make generate" >&2
      status=1
    fi
  else
    mkdir -p "$(dirname "$committed")"
    cp "$out/$made" "$committed"
  fi
done
exit $status
