"""The Django project: settings, processes and the pages people see."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
