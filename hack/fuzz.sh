#!/usr/bin/env bash
# Runs every fuzz test of the main module for the given time each.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
go list ./... | while read -r package; do
  go test -list '^Fuzz' "$package" | grep '^Fuzz' | while read -r name; do
    echo "fuzz: $package $name for $time"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package"
  done
done
