# `make` alone lists what there is to do. Nothing but Python 3.11 or newer is needed beforehand.

PYTHON ?= python3
PORT ?= 8090
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url

# Packages come through uv, which takes seconds where pip takes minutes. uv doesn't read pip's settings: the two that
# a private index needs are handed on, and for all others there is pip itself.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif
# uv brings certificates of its own, which don't know a private authority; the system's do.
export UV_SYSTEM_CERTS ?= 1
install = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) \
	|| { echo "uv could not install; trying pip, which takes longer."; $(BIN)/python -m pip install --quiet $(1); }

.PHONY: help setup demo run test upstreams settings schema film bench gallery docs fuzz chaos lint spelling guide lock clean
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

help: ## List what there is to do
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.installed-sandbox ## Install everything into .venv, so that .venv/bin/g2d is there
	@echo "Ready: make demo, or make run once .env holds the keys."

demo: $(VENV)/.installed-sandbox ## Chat with the bot in the browser, without any key (PORT=8090)
	@$(BIN)/g2d demo --port $(PORT)

run: $(VENV)/.installed ## Run the bot with the keys in .env
	@$(BIN)/g2d run

test: $(VENV)/.installed-dev ## Run the tests (ARGS="-k fox"); those for Postgres, Redis and chromium need them
	@# Many tests wait for services: more at a time than a small machine has cores.
	@$(BIN)/pytest -n 5 $(ARGS)

upstreams: $(VENV)/.installed-dev ## Write docs/upstreams.md anew from what its situations come to
	@PYTHONPATH=. $(BIN)/python -m tests.upstreams.page

settings: $(VENV)/.installed-dev ## Write docs/settings.md anew from the settings classes
	@PYTHONPATH=. $(BIN)/python -m tests.settings_page

schema: $(VENV)/.installed-dev ## Write shared/migrations/sqlite.sql anew from the migrations
	@PYTHONPATH=. $(BIN)/python -m tests.sqlite_schema

WHAT = updates
fuzz: $(VENV)/.installed-dev ## Feed made-up updates to a bot for ten minutes (ARGS="--minutes 1 --presses"); WHAT=batches, WHAT=pictures: read made-up files
	@PYTHONPATH=. nice -n 19 $(BIN)/python -m tests.fuzz.$(WHAT) $(ARGS)

chaos: $(VENV)/.installed-dev ## Kill, freeze and cut off everything while people ask (ARGS="--minutes 10 --seed 3 --size embedded")
	@PYTHONPATH=. nice -n 10 $(BIN)/python -m tests.chaos.run $(ARGS)

bench: $(VENV)/.installed-dev ## Measure what the bot itself costs, and write docs/performance.md anew (six minutes)
	@PYTHONPATH=. $(BIN)/python -m benchmarks.performance --page docs/performance.md $(ARGS)

lint: $(VENV)/.installed-dev spelling ## Check style, types and spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --package sandbox

SPELLED = README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md Makefile docs services shared benchmarks .env.example $(wildcard *.sh *.yml)
CODESPELL = $(VENV)/docs/bin/codespell --ignore-words-list imagin,checkin
spelling: $(VENV)/docs/.installed
	@$(CODESPELL) --skip '*.png,*.gif,*.lock,*.po,*.mo,*.pyc,words.js' $(SPELLED)
	@$(CODESPELL) services/bot/texts/locales/en/*.po

guide: $(VENV)/.installed-dev ## Take the pictures of docs/guide.md anew (needs chromium and an emoji font)
	@$(BIN)/pytest tests/guide --pictures

film: $(VENV)/.installed-dev ## Take the moving picture of the README anew (needs chromium and an emoji font)
	@PYTHONPATH=. $(BIN)/python -m tests.guide.film

gallery: $(VENV)/.installed-dev ## Draw the pictures of docs/gallery.md anew, with the demo's painter
	@PYTHONPATH=. $(BIN)/python -m tests.guide.gallery

docs: $(VENV)/docs/.installed spelling ## Build the pages into build/docs, and fail over dead links and wrong spelling
	@NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict

lock: $(VENV)/.tools ## Choose versions anew for pyproject.toml; UPGRADE=1 takes the newest ones
	printf 'setuptools\nuv\n' | $(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements-build.lock - >/dev/null
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra dev --output-file requirements-dev.lock pyproject.toml \
		sandbox/pyproject.toml >/dev/null
	@# What runs is what was tested: the same versions, fewer packages.
	cp requirements-dev.lock requirements.lock
	$(LOCK) --output-file requirements.lock pyproject.toml >/dev/null
	cp requirements-dev.lock sandbox/requirements.lock
	$(LOCK) --output-file sandbox/requirements.lock sandbox/pyproject.toml >/dev/null
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file docs/requirements.lock docs/requirements.in >/dev/null

clean: ## Remove what was installed and cached; data/ and .env stay
	rm -rf $(VENV) build *.egg-info sandbox/build sandbox/*.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.tools: requirements-build.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is not: try make setup PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo "This Python can't make environments: on Debian and Ubuntu, apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.tools requirements.lock pyproject.toml
	@echo "Installing into $(VENV) …"
	@$(call install,--require-hashes -r requirements.lock)
	@$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

$(VENV)/.installed-sandbox: $(VENV)/.installed sandbox/requirements.lock sandbox/pyproject.toml
	@$(call install,--require-hashes -r sandbox/requirements.lock)
	@$(call install,--no-deps --no-build-isolation --editable ./sandbox)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-sandbox requirements-dev.lock
	@$(call install,--require-hashes -r requirements-dev.lock)
	@touch $@

$(VENV)/docs/.installed: $(VENV)/.tools docs/requirements.lock
	@$(PYTHON) -m venv --without-pip $(VENV)/docs
	@$(BIN)/uv pip install --quiet --python $(VENV)/docs/bin/python --require-hashes -r docs/requirements.lock
	@touch $@
