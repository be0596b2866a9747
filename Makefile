# Everything a newcomer needs: make demo, make test. Each sets up .venv by itself.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench lock sign-demo format clean
.DEFAULT_GOAL := demo

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "smi-bot needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/ready  ## one process, SQLite, no tokens: a chat page and a desk page
	$(BIN)/smi-bot run

test: .venv/ready  ## the whole suite; browser tests are skipped, loudly, where no Chromium is
	$(BIN)/python -m pytest -n 3 --dist worksteal

check: .venv/ready  ## style, types, import direction, content
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/smi-bot library check

bench: .venv/ready  ## speed: decisions, durable path, idle cost, the Slack desk under load
	PYTHONPATH=tests $(BIN)/python -m benchmarks

sign-demo: .venv/ready  ## re-sign responses/ with the worthless demo keys
	$(BIN)/smi-bot library sign-demo

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## needs uv on the PATH; writes no registry address
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache dist
