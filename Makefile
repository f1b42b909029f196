# make demo | test | soak | fuzz | max-rate | bench | lint | build | setup | clean | distclean
# MINUTES  how long `make soak` goes on, SOAK_ARGS its further arguments (--models embedded)
# COUNT    messages of `make fuzz`, FUZZ_ARGS its further arguments (--models embedded --seed 1)
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
MINUTES ?= 5
SOAK_ARGS ?=
COUNT ?= 20000
FUZZ_ARGS ?=
PYTEST_ARGS ?= -n 2 --dist loadfile

BOOTSTRAP := $(PYTHON) tools/bootstrap.py
OPTIONS := --extras "$(EXTRAS)" --torch "$(TORCH)"
ENVIRONMENT := . tools/environment.sh && . tools/isolate.sh
TESTS := test:test/ros:$$PYTHONPATH

.PHONY: help setup build demo test soak fuzz max-rate bench lint clean distclean

help:
	@sed -n '1,7s/^# //p' Makefile

setup:
	@$(BOOTSTRAP) install $(OPTIONS)

build:
	@$(BOOTSTRAP) build $(OPTIONS)

demo: build
	@$(ENVIRONMENT) && python -m hybridgl_ros.ros.demo --output build/demo

test: build
	@tools/browser.sh
	@$(ENVIRONMENT) && pytest $(PYTEST_ARGS)

soak: build
	@$(ENVIRONMENT) && PYTHONPATH=$(TESTS) python -m soak --minutes $(MINUTES) $(SOAK_ARGS)

fuzz: build
	@$(ENVIRONMENT) && PYTHONPATH=$(TESTS) python -m fuzz --count $(COUNT) $(FUZZ_ARGS)

max-rate: build
	@$(ENVIRONMENT) && python -m benchmarks.max_rate

bench: build
	@$(ENVIRONMENT) && python -m benchmarks.bench --device $(DEVICE) $(BENCH_ARGS)

lint: setup
	@$(ENVIRONMENT) && ruff check . && ruff format --check . && mypy

clean:
	rm -rf build install log

distclean: clean
	rm -rf .venv *.egg-info
