# Jackstaff. `make help` lists what there is; each line below a `##` is a target's description.
#
# Everything is installed into the project's own folders: target/, .venv/, bindings-node/node_modules/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := target/release/jackstaff

.DEFAULT_GOAL := help
.PHONY: help tools build release service python node go bindings kotlin ruby demo test replicas service-figures quick vectors conformance lint fmt bench bench-quick bench-own bench-keep bench-feeds soak faults dist memcheck clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

tools: # says what is missing, before an hour is lost
	@$(PYTHON) scripts/tools.py

build: tools release service python node ## the service, and the Python and Node packages installed into .venv and bindings-node

# All that is compiled in release, at once: the last crates of each are one file to the compiler, and are compiled side by side.
release:
	@echo "▸ compiling (a few minutes the first time)"
	cargo build --release -p jackstaff-service -p jackstaff-python -p jackstaff-node -p jackstaff-example

service:
	@echo "▸ building the config service and the command line"
	cargo build --release -p jackstaff-service

python: $(VENV)/bin/python
	@echo "▸ building the Python package"
	cargo build --release -p jackstaff-python  # pip builds the same once more, from what this leaves, but in silence
	@echo "▸ installing it into $(VENV)"
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check ./bindings-python

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

node:
	@echo "▸ building and installing the Node package"
	cd bindings-node && npm install --no-audit --no-fund --loglevel=error

go: ## the Go module: its static library built into bindings-go/lib, its probe and dashboard into target/go
	$(PYTHON) scripts/go.py build

bindings: ## the Kotlin, Swift and Ruby that UniFFI writes, and their library, into target/uniffi and bindings-uniffi/ruby
	$(PYTHON) scripts/uniffi.py generate

kotlin: ## the Kotlin package into .tools/m2, and the Spring Boot example beside it; both tested
	$(PYTHON) scripts/uniffi.py kotlin

ruby: ## the gem, tested
	$(PYTHON) scripts/uniffi.py ruby

demo: build ## serve examples/flags.yaml, ask from Python, Node, Rust, Go and Kotlin, flip a flag, and watch it arrive
	@echo "▸ building the Rust example"
	cargo build --release -p jackstaff-example
	@$(PYTHON) scripts/go.py build || [ -z "$$CI" ]
	@$(PYTHON) scripts/uniffi.py probe || [ -z "$$CI" ]
	$(VENV)/bin/python examples/demo/demo.py

test: tools ## every test of every language; sets up all it needs and ends with a count
	$(PYTHON) scripts/test.py

replicas: ## two services on one PostgreSQL killed in turn during 1 000 writes, with a broker that is killed or cut off too; make test does it with 150
	JACKSTAFF_LONG=1 PYTHONPATH=tests $(VENV)/bin/python -m pytest -q -s tests/e2e/test_replicas.py

quick: ## the Rust tests alone
	$(PYTHON) scripts/test.py rust service conformance

vectors: ## the shared vectors, in every language and over HTTP
	$(PYTHON) scripts/test.py vectors

conformance: ## the rivals' public test cases, from JACKSTAFF_CONFORMANCE or ../shared/conformance
	cargo test -q -p jackstaff --test conformance

lint: ## formatting and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p jackstaff --no-default-features -- -D warnings

fmt: ## format the Rust code
	cargo fmt --all

bench: build ## the rivals and us, measured in one run on the same flags, in Python, Node and Rust; the guide's clients with Valkey
	$(PYTHON) benches/run.py

bench-quick: build ## the same with the leaders alone and short blocks
	$(PYTHON) benches/run.py --quick

bench-own: build ## nanoseconds per check, in every language, beside floors: ours alone
	cargo run --release -p jackstaff-benches --bin check
	$(VENV)/bin/python benches/python_check.py
	node benches/node_check.js
	$(VENV)/bin/python benches/start.py
	$(PYTHON) scripts/go.py bench
	$(PYTHON) scripts/uniffi.py bench

service-figures: service ## what 10 000 streams cost the service, how fast writes are and how soon they are applied
	cargo build --release -p jackstaff-example
	$(PYTHON) benches/streams.py
	$(PYTHON) benches/delivery.py

bench-keep: ## count the instructions of the core's hot work anew, and keep the counts that make test compares with
	$(PYTHON) benches/instructions.py --keep

soak: build ## ten million users and a long coherence run: memory stays flat, every promise is kept (an hour or more)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	cargo build --release -p jackstaff-example
	$(VENV)/bin/python tests/harness/soak.py $(SOAK)

faults: build ## what clients do while real servers are broken, as a table; the guide's clients beside
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	cargo build --release -p jackstaff-example
	$(VENV)/bin/python benches/faults.py

bench-feeds: build ## how long a change takes to a client by stream, Kafka and Redis; what the sweep costs
	PYTHONPATH=tests $(VENV)/bin/python benches/feeds.py

dist: ## what is published, link-time optimised: wheel, npm package, service, C library, in target/packages (a quarter of an hour)
	$(PYTHON) scripts/dist.py

memcheck: python node ## the fuzz tests of the raw entry points under valgrind, in C, Python and Node (some minutes)
	$(PYTHON) scripts/memcheck.py

clean: ## remove everything that was built or installed
	rm -rf target $(VENV) .tools bindings-node/node_modules bindings-node/*.node bindings-go/lib/*/*.a bindings-uniffi/kotlin/target bindings-uniffi/ruby/lib/jackstaff/native examples/kotlin/target benches/kotlin/target
