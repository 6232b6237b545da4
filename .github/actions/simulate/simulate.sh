#!/usr/bin/env bash
# Runs the simulations of the action and writes every format from one run:
# simulate.sh RIGHTSIZE, with SCENARIOS, BUDGETS, POLICIES and PARETO in the
# environment. Its exit code is that of the budgets.
set -euo pipefail
rightsize=$1
report=${RUNNER_TEMP:-$(mktemp -d)}/simulation
mkdir -p "$report"
# Patterns are for the shell to expand; names with spaces are not supported.
shopt -s nullglob
files=($SCENARIOS)
if [[ ${#files[@]} -eq 0 ]]; then
  echo "::error::no scenario matches $SCENARIOS" >&2
  exit 2
fi
[[ -z ${GITHUB_OUTPUT:-} ]] || echo "report=$report" >>"$GITHUB_OUTPUT"

"$rightsize" simulate "${files[@]}" --policies "$POLICIES" --shard 1/1 -f "$report/runs.json"
"$rightsize" simulate merge "$report/runs.json" -o json -f "$report/scores.json"
"$rightsize" simulate merge "$report/runs.json" -o html -f "$report/scores.html"
"$rightsize" simulate merge "$report/runs.json" -o markdown -f "$report/scores.md"
if [[ $PARETO == true ]]; then
  "$rightsize" simulate "${files[@]}" --policies "$POLICIES" --pareto --shard 1/1 -f "$report/pareto-runs.json"
  "$rightsize" simulate merge "$report/pareto-runs.json" -o html -f "$report/pareto.html"
  "$rightsize" simulate merge "$report/pareto-runs.json" -o markdown >>"$report/scores.md"
fi
[[ -z ${GITHUB_STEP_SUMMARY:-} ]] || cat "$report/scores.md" >>"$GITHUB_STEP_SUMMARY"

if [[ -n $BUDGETS ]]; then
  "$rightsize" simulate merge "$report/runs.json" --budgets "$BUDGETS" -o junit -f "$report/junit.xml"
fi
