"""Benchmarks: each compares ratios within one run, and says on what machine.

``python -m benchmarks`` lists them; ``python -m benchmarks NAME --help`` says what one measures.
"""
