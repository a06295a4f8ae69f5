# Everything a person does with the project, from a machine that has only Python 3.11 or 3.12 and make.
PYTHON ?= $(shell command -v python3.12 >/dev/null 2>&1 && python3.12 -c '' 2>/dev/null && echo python3.12 || (command -v python3.11 >/dev/null 2>&1 && python3.11 -c '' 2>/dev/null && echo python3.11) || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRACE ?=
LOG ?=
N ?= 200

.PHONY: help demo test check devnet bench sim model chaos fuzz trace format lock clean

help:            ## what there is to make
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/: .*## */\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@echo "building $(VENV) with $(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: $(STAMP)   ## start a devnet, trade a GPU on it, prove it, stop it (TRACE=<folder> for the cluster trace)
	@$(BIN)/suanlian devnet demo $(if $(TRACE),--trace $(TRACE))

test: $(STAMP)   ## the test suite
	@$(BIN)/python -m pytest

check: $(STAMP)  ## style, types, arrows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

devnet: $(STAMP) ## leave a network standing to play with
	@$(BIN)/suanlian devnet up

bench: $(STAMP)  ## throughput, latency, the cost of a signature check
	@$(BIN)/suanlian devnet bench

sim: $(STAMP)    ## N seeds of the deterministic simulator (LOG=<file>: goes on where it was)
	@$(BIN)/suanlian devnet sim --seeds $(N) $(if $(LOG),--log $(LOG))

chaos: $(STAMP)  ## N minutes of faults on real processes (N=10)
	@$(BIN)/suanlian devnet chaos --minutes $(if $(filter file,$(origin N)),10,$(N))

model: $(STAMP)  ## every behaviour of the consensus core in small networks, for hours
	@$(BIN)/suanlian devnet model --long

fuzz: $(STAMP)   ## N seconds of coverage-guided fuzzing for each way in (N=20)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,fuzz]'
	@$(BIN)/python -m tests.fuzz.campaign --seconds $(if $(filter file,$(origin N)),20,$(N))

trace: $(STAMP)  ## a whole cluster trace in virtual time (TRACE=<folder>)
	@$(BIN)/suanlian devnet trace $(TRACE)

format: $(STAMP) ## lay the code out
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(STAMP)   ## write constraints.txt anew from what is installed
	@$(BIN)/python -m pip freeze --exclude-editable > constraints.txt

clean:           ## remove what was built
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
