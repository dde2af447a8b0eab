# Every target makes its own .venv from a bare Python 3.11 or newer; nothing else is installed by hand.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c 'import sys; print("$(name)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)) python3)
PYTEST ?= -n auto --maxprocesses 4
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check style types layers bench simulate mutants soak simulators docs clean

demo: $(READY)  ## the whole story on embedded defaults, both CRMs simulated on this machine
	$(BIN)/prmsync demo

test: $(READY)  ## all tests
	$(BIN)/pytest $(PYTEST)

check: style types layers  ## what CI checks besides the tests

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

bench: $(READY)  ## what the performance claims are measured with
	$(BIN)/python benchmarks/sync.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/salesforce.py
	$(BIN)/python benchmarks/forecast.py

MINUTES ?= 10
STORE ?= sqlite
soak: $(READY)  ## prmsync killed at random moments for MINUTES, then checked; SEED=n, STORE=postgresql
	PYTHONPATH=tests $(BIN)/python -m soak --minutes $(MINUTES) --store $(STORE) $(if $(SEED),--seed $(SEED))

simulate: $(READY)  ## SEEDS histories (300) from seed FROM (0): people, faults, crashes; every promise checked
	PYTHONPATH=tests $(BIN)/python -m simulation --seeds $(or $(SEEDS),300) --from $(or $(FROM),0)

mutants: $(READY)  ## change the merge line by line; at least 95 % of the changes must be noticed (an hour)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e ".[mutants]"
	$(BIN)/python tests/unit/reconcile/mutation.py

simulators: $(READY)  ## Salesforce on port 8801 and HubSpot on 8802, until Ctrl-C
	@$(BIN)/prmsync simulator salesforce --port 8801 & salesforce=$$!; trap "kill $$salesforce" EXIT; $(BIN)/prmsync simulator hubspot --port 8802

docs: $(READY)  ## write docs/commands.md anew and test all of docs/
	$(BIN)/python docs/generate.py
	$(BIN)/pytest tests/docs

clean:  ## remove the environment and what tools left behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "prmsync needs Python 3.11 or newer, and '$(PYTHON)' is not. Name one: make PYTHON=/path/to/python3.11 test" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e ".[dev]"
	@touch $(READY)
