# Developer commands. The program itself is `tigrest`; see README.md.

PYTHON ?= python3
VENV := .venv
IN_VENV := $(VENV)/bin/python
PIP := $(IN_VENV) -m pip --disable-pip-version-check --quiet install
ARGS ?=
MINUTES ?= 10
SWAGGER_UI ?= 5.35.0
# Tests wait now and then, but each process imports and collects everything: three processes for two cores.
# A process that is through takes tests from others. WORKERS= runs all in one.
WORKERS ?= --numprocesses $$((3 * $$(nproc) / 2)) --dist worksteal
# What hangs fails with the place where it does, instead of the whole run with nothing.
LIMIT := --timeout 240

.DEFAULT_GOAL := help
.PHONY: help run test quick soak check servers bytecode bench docs table vendor format clean

help: ## show this help
	@echo "make [PYTHON=python3.12] <target>"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/.installed ## set up what is missing and serve on the embedded domain; ARGS="--port 9000"
	@exec $(IN_VENV) -m tigrest serve --access-log $(ARGS)

# Tests without servers wait more, for processes that they start.
quick: WORKERS := --numprocesses $$(($$(nproc) + 3)) --dist worksteal
quick: $(VENV)/.installed-test ## run the tests that need no XMPP server; ARGS="-k name"
	@env -u PYTHONDONTWRITEBYTECODE $(IN_VENV) -m pytest $(WORKERS) $(LIMIT) --ignore=tests/servers $(ARGS)

# Without bytecode on disk each process would compile everything, tests included.
test: servers ## set up what is missing and run the tests; ARGS="-k name"
	@env -u PYTHONDONTWRITEBYTECODE $(IN_VENV) -m pytest $(WORKERS) $(LIMIT) $(ARGS)

# The newer servers are fetched here, while nothing waits for them yet.
servers: $(VENV)/.installed-test
	@tests/servers/install.sh
	@$(IN_VENV) -c 'from tests.servers import trixie; trixie.trouble()'

# Once, where several processes would do it at the same time: pytest compiles the assertions of all tests, which takes longer than to
# collect them. What is wrong with them, the tests say.
bytecode: $(VENV)/.installed-test
	@env -u PYTHONDONTWRITEBYTECODE $(IN_VENV) -m pytest --collect-only --quiet --quiet >/dev/null || true

soak: $(VENV)/.installed-test ## try 100 times as many examples, send 10,000 messages while processes are killed, notify by Apprise, then send odd things for MINUTES=10; SEED=1 repeats
	@tests/servers/install.sh
	@$(IN_VENV) -m pytest $(WORKERS) --hypothesis-profile soak -m hypothesis --ignore tests/servers
	@TIGREST_SOAK_MESSAGES=10000 $(IN_VENV) -m pytest tests/servers/test_sending.py -s -k killed
	@TIGREST_SOAK_FILE=100000000 $(IN_VENV) -m pytest tests/servers/test_files.py -k large
	@[ -e $(VENV)/apprise ] || { $(PIP) --target $(VENV)/apprise.new "apprise~=2.2" && mv $(VENV)/apprise.new $(VENV)/apprise; }
	@$(IN_VENV) -m pytest tests/servers/soak_apprise.py
	@TIGREST_SOAK_MINUTES=$(MINUTES) TIGREST_SOAK_SEED=$(SEED) $(IN_VENV) -m pytest tests/servers/test_fuzz.py tests/servers/test_schemathesis.py -s $(ARGS)

check: $(VENV)/.installed-test ## check format, lint and types
	@$(IN_VENV) -m ruff format --check .
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m mypy

bench: $(VENV)/.installed-bench ## measure everything, beside the servers' own HTTP APIs; ARGS="--quick", PROSODY_MODULES_DIR=…
	@tests/servers/install.sh wrk
	@$(IN_VENV) bench $(ARGS)

docs: $(VENV)/.installed ## write what is generated in docs/
	@$(IN_VENV) -m tigrest.formats.stanza_json.reference docs/stanzas-as-json.md
	@$(IN_VENV) -m tigrest.api.reference docs/commands.md

table: $(VENV)/.installed-test ## write the tables of docs/servers.md and docs/commands-table.md by what each server does
	@tests/servers/install.sh
	@TIGREST_WRITE_TABLE=1 $(IN_VENV) -m pytest --quiet tests/servers/test_table.py tests/servers/test_conformance.py

VENDORED := tigrest/api/static/swagger-ui

vendor: ## fetch Swagger UI, which /api/docs shows, by npm; SWAGGER_UI=5.35.0, which tests/api/test_swagger.py has to name as well
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && mkdir -p $(VENDORED) \
	&& npm pack --silent --pack-destination "$$folder" swagger-ui-dist@$(SWAGGER_UI) >/dev/null \
	&& tar -xzf "$$folder"/swagger-ui-dist-*.tgz -C "$$folder" && cd "$$folder/package" \
	&& install -m 644 LICENSE NOTICE favicon-32x32.png swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt "$(CURDIR)/$(VENDORED)" \
	&& cd "$(CURDIR)/$(VENDORED)" && sha256sum *

format: $(VENV)/.installed-test ## format the code and repair what lint can
	@$(IN_VENV) -m ruff check --fix-only --quiet .
	@$(IN_VENV) -m ruff format .

clean: ## remove the virtual environment, caches and builds; the state in var/ stays
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed stays until pyproject.toml changes, so that no network is needed after the first time.

$(VENV)/.installed: pyproject.toml | $(IN_VENV)
	@echo "tigrest: installing into $(VENV), which takes a minute the first time"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(IN_VENV)
	@echo "tigrest: installing with what the tests need into $(VENV), which takes a minute the first time"
	@$(PIP) --editable '.[test]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-bench: pyproject.toml | $(IN_VENV)
	@echo "tigrest: installing into $(VENV) with what the measurements need, which takes a minute the first time"
	@$(PIP) --editable '.[bench]'
	@touch $(VENV)/.installed $@

$(IN_VENV):
	@command -v $(PYTHON) >/dev/null || { echo "tigrest: there is no $(PYTHON); install Python 3.11 or newer, or: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "tigrest: $(PYTHON) is $$($(PYTHON) --version 2>&1), but 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "tigrest: installing $$package"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$package >/dev/null; \
		else \
			echo "tigrest: $(PYTHON) cannot make virtual environments; first run: sudo apt-get install $$package" >&2; exit 1; \
		fi; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
