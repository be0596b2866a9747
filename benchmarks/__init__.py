"""How fast decisions and the durable way are on this machine: `PYTHONPATH=tests python -m benchmarks [--quick]`."""
