# make demo | test | bench | lint | build | setup | clean | distclean
# DEVICE   what `make bench` measures on, BENCH_ARGS its further arguments (--rows 1,2 --quick)
# PYTHON   the Python that the virtual environment is made from
# EXTRAS   extras of setup.py to install
# TORCH    pip arguments in place of requirements/torch.txt, for example TORCH="torch torchvision --index-url ..."
SHELL := /bin/bash
PYTHON ?= python3
EXTRAS ?= dev,cluster
TORCH ?=
DEVICE ?= cpu
BENCH_ARGS ?=
PYTEST_ARGS ?= -n 2 --dist loadfile

BOOTSTRAP := $(PYTHON) tools/bootstrap.py
OPTIONS := --extras "$(EXTRAS)" --torch "$(TORCH)"
ENVIRONMENT := . tools/environment.sh && . tools/isolate.sh

.PHONY: help setup build demo test bench lint clean distclean

help:
	@sed -n '1,5s/^# //p' Makefile

setup:
	@$(BOOTSTRAP) install $(OPTIONS)

build:
	@$(BOOTSTRAP) build $(OPTIONS)

demo: build
	@$(ENVIRONMENT) && python -m hybridgl_ros.ros.demo --output build/demo

test: build
	@tools/browser.sh
	@$(ENVIRONMENT) && pytest $(PYTEST_ARGS)

bench: build
	@$(ENVIRONMENT) && python -m benchmarks.bench --device $(DEVICE) $(BENCH_ARGS)

lint: setup
	@$(ENVIRONMENT) && ruff check . && ruff format --check . && mypy

clean:
	rm -rf build install log

distclean: clean
	rm -rf .venv *.egg-info
