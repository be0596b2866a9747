"""What content owners work with: everything behind `smi-bot library`. Nothing of the running service needs it."""
