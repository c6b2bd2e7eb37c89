"""Options that several commands have."""

from __future__ import annotations

import click

LARGEST_SEED = 2**63 - 1
"""The largest seed that torch takes."""

SEED = click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=0,
    show_default=True,
    metavar="INTEGER",
    help="Seed of the draws.",
)
COUNT = click.IntRange(1, 2**31 - 1)
"""A number of things that are made one by one."""
