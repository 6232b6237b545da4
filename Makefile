# Everything a contributor runs. CI runs these targets and nothing else.

MODULE   := github.com/rightsize-dev/rightsize
# The server's service discovery is left out: nothing here discovers anything.
PROMTAGS := netgo,remove_all_sd
PROMETHEUS_VERSION := 3.16.0
LDFLAGS  := -s -w
# What `rightsize version` says. A clone without git says nothing of its commit.
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null)
STAMP    := -X $(MODULE)/internal/cli.commit=$(COMMIT)
# Extra flags for go test, for example GOTESTFLAGS=-v.
GOTESTFLAGS ?=

BIN := $(CURDIR)/bin

# The linter keeps findings by content, with the paths of the copy it first read: each copy of the repository has a cache.
CACHES := $(patsubst %/,%,$(dir $(shell go env GOCACHE)))
export GOLANGCI_LINT_CACHE ?= $(CACHES)/golangci-lint-$(shell printf %s '$(CURDIR)' | cksum | cut -d' ' -f1)

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/rightsize, bin/kubectl-rightsize and bin/rightsize-controller
	go build -trimpath -ldflags "$(LDFLAGS) $(STAMP)" -o $(BIN)/rightsize ./cmd/rightsize
	go build -trimpath -ldflags "$(LDFLAGS) -X main.version=$(VERSION)" -o $(BIN)/rightsize-controller ./cmd/rightsize-controller
	ln -sf rightsize $(BIN)/kubectl-rightsize

.PHONY: demo
demo: ## Embedded Prometheus, dry-run report and replay of a small fleet; writes demo/report.html
	@echo "demo: building (the first build compiles the Prometheus server code: a few minutes)"
	cd demo && go build -tags $(PROMTAGS) -o $(BIN)/demo .
	$(BIN)/demo --out demo/report.html

.PHONY: test
test: test-unit test-manifests test-release test-demo test-fidelity test-e2e ## All tests, those on real components included

# Tests on a control plane, which want the machine for themselves.
CLUSTERED := ./internal/testkit/controlplane ./test/fidelity ./test/apiserver ./test/actuator ./test/controller ./test/e2e

.PHONY: test-unit
test-unit: $(BIN)/prometheus ## Tests of the main module
	RIGHTSIZE_PROMETHEUS=$(BIN)/prometheus go test $(GOTESTFLAGS) \
		$$(go list ./... | grep -vxF "$$(go list $(CLUSTERED))")

.PHONY: test-fidelity
test-fidelity: controlplane $(BIN)/prometheus ## On a real control plane: the simulated HPA and VPA against the real ones, the API, the chart, the commands, metrics, and plans with their writer
	$(E2E) go test -p 3 $(GOTESTFLAGS) $(filter-out ./test/e2e,$(CLUSTERED))

# What a test of the whole needs: the control plane, Prometheus, Helm and the program itself.
E2E := RIGHTSIZE_CONTROLPLANE=$$(./hack/controlplane.sh path) RIGHTSIZE_PROMETHEUS=$(BIN)/prometheus \
	RIGHTSIZE_HELM=$(BIN)/helm RIGHTSIZE_CONTROLLER=$(BIN)/rightsize-controller RIGHTSIZE=$(BIN)/rightsize

.PHONY: test-e2e
test-e2e: controlplane build $(BIN)/prometheus $(BIN)/helm ## The program in a cluster, installed by its chart, from demand to changed pods
	$(E2E) go test -timeout 20m $(GOTESTFLAGS) ./test/e2e

# How large the cluster of bench-cluster is; N=500 is a try.
N ?= 5000
.PHONY: bench-cluster
bench-cluster: controlplane build $(BIN)/prometheus $(BIN)/helm ## What the controller costs with N RightSizes over 4 N pods
	$(E2E) RIGHTSIZE_BENCH_SIZE=$(N) go test -timeout 2h -run '^$$' -bench Cluster -benchtime 1x ./test/e2e

.PHONY: test-manifests
test-manifests: ## Tests of the CRD and the chart, by the API server's own validation and Helm's own renderer
	cd test/manifests && go test $(GOTESTFLAGS) ./...

.PHONY: test-demo
test-demo: $(BIN)/prometheus ## Tests of the demo module: embedded and released Prometheus give one report
	cd demo && RIGHTSIZE_PROMETHEUS=$(BIN)/prometheus go test $(GOTESTFLAGS) -tags $(PROMTAGS) ./...

.PHONY: test-race
test-race: ## The concurrent packages under the race detector
	go test -race $(GOTESTFLAGS) ./internal/controller/ ./internal/collector/ ./internal/history/ ./internal/snapshot/ ./internal/judge/

.PHONY: lint
lint: $(BIN)/golangci-lint $(BIN)/golangci-lint-kube-api-linter ## Lint, layers included; zero findings is the rule
	$(BIN)/golangci-lint run ./...
	$(BIN)/golangci-lint-kube-api-linter run --config .golangci-kal.yaml ./api/...
	cd test/manifests && $(BIN)/golangci-lint run --config ../../.golangci.yaml ./...
	cd tools/release && $(BIN)/golangci-lint run --config ../../.golangci.yaml ./...
	cd demo && $(BIN)/golangci-lint run --config ../.golangci.yaml --build-tags $(PROMTAGS) ./...
	./hack/layers.sh

.PHONY: verify
verify: lint $(BIN)/controller-gen $(BIN)/crd-ref-docs ## Lint, and that formatting, modules and generated files are as committed
	go mod verify
	go mod tidy -diff
	cd test/manifests && go mod tidy -diff
	cd tools/release && go mod tidy -diff
	cd demo && go mod tidy -diff
	$(BIN)/golangci-lint fmt --diff actuator api cmd forecaster hack internal recommender simulator test/actuator test/apiserver test/browser test/controller test/e2e test/fidelity
	cd test/manifests && $(BIN)/golangci-lint fmt --diff --config ../../.golangci.yaml .
	cd tools/release && $(BIN)/golangci-lint fmt --diff --config ../../.golangci.yaml .
	./hack/generate.sh --check

.PHONY: generate
generate: $(BIN)/controller-gen $(BIN)/crd-ref-docs ## Write what is made from the types of the API: deep copies, the CRD, its reference
	./hack/generate.sh

# A version that is not given is that of the chart, with the number of the commit.
RELEASE  ?= v$(shell sed -n 's/^version: //p' charts/rightsize/Chart.yaml)-dev.$(shell git rev-list --count HEAD)
PLATFORMS ?=
.PHONY: release
release: $(BIN)/cyclonedx-gomod ## Everything a version is published as, into dist: archives, image, chart, SBOMs, krew manifest, checksums (RELEASE=v0.1.0)
	cd tools/release && go run . -version "$(RELEASE)" -commit "$$(git rev-parse HEAD)" -epoch "$$(git log -1 --format=%ct)" \
		-cyclonedx-gomod $(BIN)/cyclonedx-gomod -platforms "$(PLATFORMS)"

.PHONY: test-release
test-release: $(BIN)/krew $(BIN)/helm ## What is published: reproducible, and taken by krew, Helm and readers of images
	cd tools/release && RIGHTSIZE_KREW=$(BIN)/krew RIGHTSIZE_HELM=$(BIN)/helm go test $(GOTESTFLAGS) ./...

IMAGE ?= rightsize-controller
VERSION ?= dev
.PHONY: image
image: ## Container image of rightsize-controller; needs docker or what stands in for it (DOCKER=podman)
	$(or $(DOCKER),docker) build --build-arg VERSION=$(VERSION) --tag $(IMAGE):$(VERSION) .

.PHONY: traces-backtest
traces-backtest: build traces-folder ## Backtest every series of the folder that RIGHTSIZE_TRACES names
	$(BIN)/rightsize backtest $(RIGHTSIZE_TRACES)/*.csv.gz --origins 50

.PHONY: traces-coverage
traces-coverage: traces-folder ## What the outer quantiles cover of recorded series, and on which significantly too little
	go run ./hack/ablation -coverage -origins 50 $(RIGHTSIZE_TRACES)

.PHONY: traces-ablation
traces-ablation: traces-folder ## What each part of the forecaster is worth, on recorded traces
	go run ./hack/ablation -every 9 -origins 15 $(RIGHTSIZE_TRACES)

.PHONY: traces-alone
traces-alone: traces-folder ## On how many recorded traces the forecasts beat each point forecast alone
	go run ./hack/ablation -alone -bare -every 1 -origins 50 $(RIGHTSIZE_TRACES)
	go run ./hack/ablation -alone -every 1 -origins 50 $(RIGHTSIZE_TRACES)

.PHONY: traces-simulate
traces-simulate: build traces-folder ## Replay real web, usage and LLM traces against the other autoscalers
	$(BIN)/rightsize simulate simulator/testdata/traces/*.yaml --policies static,hpa,vpa,hpa+vpa,rightsize,oracle

.PHONY: scenarios
scenarios: ## Write the generated demand of simulator/testdata/scenarios anew
	go generate ./internal/scenario/library

.PHONY: traces-folder
traces-folder:
	@test -d "$(RIGHTSIZE_TRACES)" || { echo "set RIGHTSIZE_TRACES to the folder of traces" >&2; exit 1; }

FUZZTIME ?= 10s
.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME each
	./hack/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## Run the benchmarks six times, fit for benchstat
	go test -run '^$$' -bench . -benchmem -count 6 ./forecaster/ ./recommender/ ./simulator/...

# What the tests and the linter need, built from their own modules.

.PHONY: controlplane
controlplane: ## Build etcd, Kubernetes, kwok and VPA for the tests, once for all copies of the repository
	@./hack/controlplane.sh

$(BIN)/prometheus: tools/prometheus/go.mod tools/prometheus/go.sum
	@echo "building the released Prometheus server for the tests (a few minutes the first time)"
	cd tools/prometheus && go build -tags $(PROMTAGS) \
		-ldflags "-s -w -X github.com/prometheus/common/version.Version=$(PROMETHEUS_VERSION)" \
		-o $@ github.com/prometheus/prometheus/cmd/prometheus

$(BIN)/helm: test/manifests/go.mod test/manifests/go.sum
	@echo "building the released Helm for the tests (a few minutes the first time)"
	cd test/manifests && go build -ldflags "$(LDFLAGS)" -o $@ helm.sh/helm/v4/cmd/helm

$(BIN)/cyclonedx-gomod: tools/release/go.mod tools/release/go.sum
	cd tools/release && go build -trimpath -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(BIN)/krew: tools/krew/go.mod tools/krew/go.sum
	cd tools/krew && go build -trimpath -o $@ sigs.k8s.io/krew/cmd/krew

$(BIN)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	@echo "building the linter (a few minutes the first time)"
	cd tools/lint && go build -trimpath -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(BIN)/golangci-lint-kube-api-linter: tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && go build -trimpath -o $@ sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter

$(BIN)/controller-gen: tools/generate/go.mod tools/generate/go.sum
	cd tools/generate && go build -trimpath -o $@ sigs.k8s.io/controller-tools/cmd/controller-gen

$(BIN)/crd-ref-docs: tools/generate/go.mod tools/generate/go.sum
	cd tools/generate && go build -trimpath -o $@ github.com/elastic/crd-ref-docs
