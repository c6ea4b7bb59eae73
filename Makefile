# Everything is installed into .venv by the first target that needs it; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
OLDEST := .venv-oldest
OLDEST_READY := $(OLDEST)/.installed
# The oldest official SDK that the provider's pages allow; the newest is in the virtual environment itself.
OLD_SDK := $(VENV)/dashscope-1.25.2

# Reports, plans and sheets of picks are tried in a browser too; where none can be had, those tests say so and are skipped.
BROWSER := tests/browser/node_modules/.installed

.PHONY: demo test test-oldest explore chaos fuzz check format schemas bench bench-pictures sheets docs clean

# Debian's python3 may lack ensurepip; virtualenv, fetched into a folder of its own, needs neither it nor root.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wanflow needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …" >&2; exit 1; }
	@test -x $(1)/bin/python && $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1) 2>/dev/null || \
		{ rm -rf $(1) && $(PYTHON) -m pip install --quiet --target .tools virtualenv && \
		  PYTHONPATH=.tools $(PYTHON) -m virtualenv --quiet $(1); }
endef

$(READY): pyproject.toml
	$(call environment,$(VENV))
	$(BIN)/python -m pip install --quiet --editable '.[emulator,watch]'
	@touch $@

# What only the development of wanflow needs; a newcomer's first command does not wait for it.
$(DEV): $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

$(OLDEST_READY): pyproject.toml scripts/oldest.py
	$(call environment,$(OLDEST))
	$(OLDEST)/bin/python scripts/oldest.py > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install --quiet --constraint $(OLDEST)/constraints.txt --editable '.[emulator,watch]' dashscope hypothesis pyte pytest pytest-xdist
	@touch $@

## demo: run the example twice; the second run has nothing to do
demo: $(READY)
	@echo '$$ wanflow plan recipes/restore.yaml'
	@$(BIN)/wanflow plan recipes/restore.yaml
	@echo
	@echo '$$ wanflow run recipes/restore.yaml'
	@$(BIN)/wanflow run recipes/restore.yaml
	@echo
	@echo 'The pictures:'
	@ls -1 out/restore/*
	@echo
	@echo '$$ wanflow run recipes/restore.yaml      # again: nothing changed, nothing is done'
	@$(BIN)/wanflow run recipes/restore.yaml

$(OLD_SDK)/dashscope/version.py: $(DEV)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(OLD_SDK) dashscope==1.25.2
	@touch $@

$(BROWSER): tests/browser/package.json
	@scripts/browser.sh || echo 'no browser: what needs one is not tried' >&2

## test: the whole test suite
test: $(DEV) $(OLD_SDK)/dashscope/version.py $(BROWSER)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

## test-oldest: the test suite on the lower bounds of the dependencies; numpy's needs Python 3.11 or 3.12
test-oldest: $(OLDEST_READY) $(OLD_SDK)/dashscope/version.py $(BROWSER)
	OPENBLAS_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -n 2

## explore: the property tests with other, and ten times as many, examples
explore: $(DEV) $(OLD_SDK)/dashscope/version.py
	HYPOTHESIS_PROFILE=explore OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

## chaos: kill, stop, starve and mislead wanflow many hundred times, and count what was paid twice or lost
chaos: $(DEV)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/chaos $(SEED)

## fuzz: a hundred thousand hostile inputs a target, none of which may end in anything but words
fuzz: $(DEV)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/fuzz --count $(or $(COUNT),100000) --seed $(or $(SEED),1)

## check: format, lint, types
check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

## format: mend what can be mended by itself
format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## schemas: derive the authoring schema from the exact ones, and write the reference pages of docs/
schemas: $(DEV)
	$(BIN)/python scripts/derive_schemas.py
	$(BIN)/python scripts/reference.py

## bench: figures of benchmarks/, side by side with other tools in one run
bench: $(DEV)
	$(BIN)/python benchmarks/plan_scale.py

## bench-pictures: every number the draft engine holds; FLAGS="--large --photos FOLDER" measures more
bench-pictures: $(DEV)
	@$(BIN)/python -m pip install --quiet --editable '.[dev,bench]'  # fonts that the text detector was not trained with
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/pictures.py $(FLAGS)

## sheets: contact sheets of every function of the draft engine, into docs/pictures
sheets: $(DEV)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python scripts/contact_sheets.py

## docs: the documentation as a site in site/, which needs no network; FLAGS=--quiet says only what is wrong
docs: $(DEV)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(FLAGS)

clean:
	rm -rf $(VENV) $(OLDEST) .tools out site .wanflow tests/browser/node_modules
