#!/usr/bin/env bash
# Builds the programs of a Kubernetes control plane from tools/controlplane, for
# the tests that need a real one. They are kept outside the repository by what
# they are made of, so that they are built once for all copies of it.
#
#   hack/controlplane.sh        builds what is not there and prints the folder
#   hack/controlplane.sh path   prints the folder only
set -euo pipefail
cd "$(dirname "$0")/../tools/controlplane"
export CGO_ENABLED=0

# Each program and the package it is built from.
programs=(
  "etcd go.etcd.io/etcd/server/v3"
  "kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver"
  "kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager"
  "kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler"
  "kwok sigs.k8s.io/kwok/cmd/kwok"
  "vpa-recommender k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender"
  "hpa-replay ./hpareplay"
)

key=$({ go version; go env GOOS GOARCH; cat go.mod go.sum hpareplay/*.go ../../hack/controlplane.sh; } | git hash-object --stdin)
folder=$(dirname "$(go env GOCACHE)")/rightsize/controlplane/${key:0:16}
if [[ ${1:-build} == path || -d $folder ]]; then
  echo "$folder"
  exit
fi

# What the programs say of themselves; clients and admission read it.
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"
flags="-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=$(go list -m -f '{{.Version}}' sigs.k8s.io/kwok)"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor -X $package.gitTreeState=clean"
done

echo "controlplane: Kubernetes $version" >&2
mkdir -p "$(dirname "$folder")"
building=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$building"' EXIT
n=0
for program in "${programs[@]}"; do
  read -r name package <<<"$program"
  n=$((n + 1))
  echo "controlplane: $(date +%T) building $name, $n of ${#programs[@]} (all take 15 minutes the first time)" >&2
  build=(go build)
  [[ $package == ./* ]] && build=(go test -c) # Only tests can have a clock of their own.
  "${build[@]}" -ldflags "$flags" -o "$building/$name" "$package"
done
chmod 755 "$building"
[[ -d $folder ]] || mv "$building" "$folder" # Another build may have been faster.
echo "controlplane: $(date +%T) done" >&2
echo "$folder"
