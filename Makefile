# make run         set everything up and serve the demo on http://127.0.0.1:8000 (HOST, PORT)
# make test        the whole test suite, unit to browser (ARGS="-k resume" for a part of it)
# make test-faults the tests that kill, cut and fill disks, in their full size, figures printed
# make bench       measure the server beside others, five minutes; make bench-full: everything (docs/performance.md)
# make check       format, lint, types and import directions: what must hold before a commit
# make format      repair what can be repaired without thinking
# make build       wheel and sdist with the front end inside, in dist/
# make lock        resolve the dependencies anew: requirements*.txt, widget/package-lock.json
# make clean       remove what these targets made; var/ (your data) stays

.DEFAULT_GOAL := help
.PHONY: help run test test-faults bench bench-full check format build lock clean
MAKEFLAGS += --no-print-directory

HOST ?= 127.0.0.1
PORT ?= 8000

PY := .venv/bin/python
COMPILE := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header

help:
	@sed -n 's/^# make/make/p' Makefile

run:
	@scripts/setup run
	@$(PY) scripts/front_end.py build
	@HOST="$(HOST)" PORT="$(PORT)" exec .venv/bin/chatserver demo

test:
	@scripts/setup dev
	@$(PY) scripts/front_end.py build
	@$(PY) scripts/front_end.py test
	@exec $(PY) -m tests $(ARGS)

test-faults:
	@scripts/setup dev
	@$(PY) scripts/front_end.py build
	@FULL=1 exec $(PY) -m pytest -m fault -raP --durations=0 --durations-min=1 $(ARGS)

bench:
	@scripts/setup dev
	@$(PY) scripts/front_end.py build
	@exec $(PY) -m bench $(ARGS) short

bench-full:
	@scripts/setup dev
	@$(PY) scripts/front_end.py build
	@exec $(PY) -m bench $(ARGS) full

check:
	@scripts/setup dev
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest --quiet tests/test_layout.py tests/test_floors.py
	$(PY) scripts/front_end.py check

format:
	@scripts/setup dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(PY) scripts/front_end.py format

build:
	@scripts/setup dev
	@$(PY) scripts/front_end.py build
	@rm -rf dist
	$(PY) -m hatchling build --directory dist

lock:
	@scripts/setup dev
	$(PY) -m pip install -qq 'uv>=0.13'
	$(COMPILE) pyproject.toml --extra otel --extra s3 --group dev --output-file requirements-dev.txt
	$(COMPILE) pyproject.toml --constraint requirements-dev.txt --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra otel --constraint requirements-dev.txt --output-file requirements-otel.txt
	$(COMPILE) pyproject.toml --extra s3 --constraint requirements-dev.txt --output-file requirements-s3.txt
	$(COMPILE) --group build --constraint requirements-dev.txt --output-file requirements-build.txt
	$(COMPILE) --group node --output-file requirements-node.txt
	cd widget && npm update --package-lock-only --ignore-scripts

clean:
	rm -rf .venv dist static/build static/.build-stamp widget/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
