# make setup   a virtual environment in .venv with everything installed
# make demo    set up, then ingest and search synthetic hearts, the truth beside every answer
# make test    set up, then every test that needs no GPU and no server
# make test-web   pages and previews in Debian's Chromium, which it installs where it is missing
# make coverage   the same tests with branches counted; fails if a module of tests/full_branches.txt is not wholly covered
# make check   formatting, lint, types (of the tests too), documentation
# make wheel   what is installed without this repository: build the wheel, install it into an empty environment, run the demo
# make docs    the reference from the code, and the site in site/
# make bench   speed, as ratios within one run (not part of the tests), but for what trains first and wants --out
# make soak    a server with eight users beside an ingest for an hour: times by route, errors, memory every minute
# make lock    the versions that setup installs, resolved again from pyproject.toml (UPGRADE=--upgrade: the newest ones)
# make gpu     what needs a GPU: bf16 against fp32, throughput of base-size encoders, what makes them fast there

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: help setup demo test test-slow test-web coverage check wheel docs bench soak lock gpu clean

help:
	@sed -n 's/^# //p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs,oidc,pacs]'
	touch $(STAMP)

demo: setup
	$(BIN)/echosearch demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: setup
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest --hypothesis-profile=slow -k properties

test-web: setup
	test -x /usr/bin/chromium && fc-list :lang=ja | grep -q CJK || \
		{ apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-noto-cjk fontconfig; }
	$(BIN)/python -m pytest -m browser

coverage: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=
	$(BIN)/coverage report
	$(BIN)/coverage report --no-skip-covered --show-missing --fail-under=100 \
		--include="$$(sed 's/#.*//; s/ //g; /^$$/d' tests/full_branches.txt | paste -sd,)"

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check
	$(BIN)/mkdocs build --quiet --strict

wheel: setup
	VENV=$(VENV) .ci/wheel

docs: setup
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --quiet --strict

bench: setup
	for script in $$(grep -L '"--out".*required=True' tests/benchmarks/bench_*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

soak: setup
	$(BIN)/python tests/benchmarks/bench_serve.py --minutes 60

lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate $(UPGRADE) \
		--custom-compile-command 'make lock' --output-file constraints.txt pyproject.toml

gpu: setup
	ECHOSEARCH_REQUIRE=gpu $(BIN)/python -m pytest -m gpu tests/encoder
	$(BIN)/python tests/benchmarks/bench_encoder.py --base --device cuda
	$(BIN)/python tests/benchmarks/video_tower.py --device cuda

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .coverage*
