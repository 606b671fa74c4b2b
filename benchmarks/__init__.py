"""Measurements against named peers; ``python -m benchmarks`` prints the ratios."""
