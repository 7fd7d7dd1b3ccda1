"""Observes the backend servers: probes, and the checkers that own the shards of an estate."""
