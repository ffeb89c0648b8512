# Verbs: each prints what it does and works on a fresh Debian with Python alone.
#   make demo [INPUT=my.mp4]   a core environment, the detector's file, then the main job; open demo-out/index.html
#   make test                  an environment with every extra, then the whole suite
#   make test-slow             the long profiles (hypothesis deep, whole fuzzing runs)
#   make check                 ruff, mypy, import-linter, the size of files and functions
#   make bench [ROOM=leaks]    measure against peers; writes docs/benchmarks
#   make docs                  the generated reference pages
#   make clean                 remove what these made
PYTHON ?= python3
JOBS ?= auto
ROOM ?=
INPUT ?=
OUT ?= demo-out
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-slow check bench docs clean help
help:
	@sed -n '2,8p' Makefile

demo:
	@sh tools/bootstrap.sh .venv core $(PYTHON)
	@.venv/bin/velatura models pull --demo
	@.venv/bin/velatura demo $(if $(INPUT),"$(INPUT)") -o "$(OUT)" --force

test:
	@sh tools/bootstrap.sh .venv-test test $(PYTHON)
	@.venv-test/bin/python -m pytest -n $(JOBS) --dist loadgroup

test-slow:
	@sh tools/bootstrap.sh .venv-test test $(PYTHON)
	@HYPOTHESIS_PROFILE=deep .venv-test/bin/python -m pytest -n $(JOBS) --dist loadgroup --run-slow --timeout=3600

check:
	@sh tools/bootstrap.sh .venv-test test $(PYTHON)
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports --no-cache
	@.venv-test/bin/python tools/count.py

bench:
	@sh tools/bootstrap.sh .venv-test test $(PYTHON)
	@.venv-test/bin/python -m benchmarks $(ROOM)

docs:
	@sh tools/bootstrap.sh .venv-test test $(PYTHON)
	@.venv-test/bin/python tools/reference.py

clean:
	rm -rf .venv .venv-test .venv.lock .venv-test.lock demo-out dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
