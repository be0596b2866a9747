"""How fast decisions and the durable way are on this machine: `python -m benchmarks [--quick]`."""
