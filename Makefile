# One-liners over go and nexarsim; whatever needs more than a line is written in Go.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
NEXARSIM    := ./bin/nexarsim
TOOL        := go tool -modfile=tools/go.mod

FUZZTIME ?= 30s
SEEDS    ?= 1000
COUNT    ?= 5
RUNS     ?= 100
SEED     ?= 1

.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt fuzz sweep explore validate cluster cluster-runs load findings ladder hunt fidelity golden bench bench-real siege cover vuln ci

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/nexarsim
	go build -trimpath -o $(NEXARSIM) ./cmd/nexarsim

test: ## all tests, as CI runs them
	go test -timeout 20m ./...

race: ## all tests under the race detector, without the long ones
	go test -race -short ./...

lint: ## gofmt, go vet, staticcheck and the rules of the house
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted (make fmt): $$unformatted" >&2; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...
	go test -count=1 ./internal/house/...

fmt: ## format all Go files
	$(TOOL) gofumpt -w .

fuzz: ## each fuzz target for FUZZTIME
	go test -list '^Fuzz' ./... | awk '/^Fuzz/{f[n++]=$$1} /^ok/{while(n) print $$2, f[--n]}' | while read -r pkg target; do go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" </dev/null; done

sweep: build ## SEEDS seeds of each built-in scenario
	$(NEXARSIM) sweep --seeds $(SEEDS) --protocol quorum,fail-stop

explore: build ## every schedule of three nodes, two crashes and a false suspicion; the engine against known counts, docs/explore.md against the engine
	$(NEXARSIM) explore --world 3 --crashes 2 --false-suspicions 1
	go test -count=1 -run SmallModel ./sim/explore/search -large
	go test -count=1 -run Figures ./sim/explore -large

validate: build ## the gate before a deployment
	$(NEXARSIM) validate

cluster: build ## four processes over QUIC, one of them killed
	$(NEXARSIM) cluster --world 4 --kill 3@10s

load: build ## each workload for a minute on real processes, under random kills, stops and cuts
	for w in barrier allreduce register; do $(NEXARSIM) cluster --world 8 --duration 60s --random --workload $$w || exit; done

cluster-runs: ## RUNS runs of real processes that are killed, stopped and cut off at random, from SEED on
	go test -count=1 -timeout 60m -v -run '^TestDrawnRuns$$' ./internal/cluster -runs $(RUNS) -seed $(SEED)

findings: ## rewrite docs/findings.md and testdata/capsules/README.md from the capsules and testdata/ladder.json
	go test ./internal/corpus -update

ladder: ## every schedule of classic and its rungs anew (a minute or two), into testdata/ladder.json; then the findings
	go run ./internal/corpus/ladder testdata/ladder.json
	go test ./internal/corpus -update

fidelity: ## the times of real runs beside simulated ones (five minutes), for docs/fidelity.md
	go run ./internal/fidelity

hunt: ## explore against sweeps of 100,000 runs, for each planted defect that testdata/hunt.json lacks (3 to 5 minutes each)
	go run ./internal/planted/hunt testdata/hunt.json
	go test ./internal/planted -run HuntKept -update

golden: ## rewrite the golden texts; read the diff before you commit it
	go test ./internal/house -run API -update
	go test ./core -run Stories -rewrite
	go test ./cmd/nexarsim -update
	go test ./sim -run Pinned -update
	go test ./scenarios -update

bench: ## benchmarks, COUNT times each, into bench.txt with machine and commit
	{ echo "commit: $$(git describe --always --dirty)"; go version; go test -run '^$$' -bench . -benchmem -count $(COUNT) ./...; } | tee bench.txt

bench-real: ## recovery of real processes beside its floor and its goals, COUNT repeats in turns, into bench-real.txt
	{ echo "commit: $$(git describe --always --dirty)"; go version; echo "load: $$(cut -d' ' -f1-3 /proc/loadavg), $$(nproc) processors"; \
	go test -run '^$$' -bench '^BenchmarkReal' -benchtime $(COUNT)x -timeout 30m ./internal/cluster ./realnet; } | tee bench-real.txt

siege: ## 46 kinds of bad peer at three real processes for 30 s
	go test -count=1 -v -run '^TestSiege$$' ./realnet -siege 30s

cover: ## coverage of each function, into cover.out
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out

vuln: ## known vulnerabilities in what we import (asks an online database)
	$(TOOL) govulncheck ./...

ci: ## exactly what CI runs
	.ci/run
