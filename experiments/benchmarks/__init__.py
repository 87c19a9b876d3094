"""Benchmarks: ratios measured in one process, interleaved, as minima; `make bench` prints one table."""
