"""What `smi-bot library check` looks at: a module for each kind of finding, and `checking` for all of them."""
