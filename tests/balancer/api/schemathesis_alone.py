"""Imports schemathesis and takes back what that changes in hypothesis, for all other tests.

It silences the examples that hypothesis shows of a failure, and lets it draw far more data.
"""

import importlib

CHANGED = [
    ("hypothesis.core", "RepresentationPrinter"),
    ("hypothesis.core", "BUFFER_SIZE"),
    ("hypothesis.internal.conjecture.engine", "BUFFER_SIZE"),
    ("hypothesis.strategies._internal.collections", "BUFFER_SIZE"),
]


def import_alone() -> None:
    """Import what changes hypothesis, once, before any test module does."""
    modules = [(importlib.import_module(module), name) for module, name in CHANGED]
    kept = [(module, name, getattr(module, name)) for module, name in modules]
    importlib.import_module("schemathesis.generation.hypothesis.builder")
    for module, name, value in kept:
        setattr(module, name, value)
