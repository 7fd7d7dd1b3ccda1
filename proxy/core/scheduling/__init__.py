"""Schedulers: which server is next."""
