#!/usr/bin/env bash
# Runs every fuzz test of the main module for the given time each.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
found=0
for package in $(go list ./...); do
  list=$(go test -list '^Fuzz' "$package")
  # Most packages have none, for which grep fails.
  for name in $(grep '^Fuzz' <<<"$list" || true); do
    echo "fuzz: $package $name for $time"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 20x "$package"
    found=$((found + 1))
  done
done
echo "fuzz: $found tests passed"
test "$found" -gt 0
