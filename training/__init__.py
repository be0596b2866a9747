"""Scripts that make the models shipped with the package, and the messages they learn from."""
