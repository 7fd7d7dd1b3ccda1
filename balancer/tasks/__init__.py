"""Celery tasks: thin, repeatable calls of services; arguments are ids and versions."""
