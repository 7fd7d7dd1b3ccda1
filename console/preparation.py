"""Makes an installation usable: tables, once the demo estate, once the first users."""

from balancer.demo.credentials import write_credentials
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from balancer.demo.estate import load_estate


def prepare_installation() -> None:
    """Bring the tables up to date and write what an empty database lacks; does no harm twice."""
    try:
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
        if settings.OPENCLB_DEMO:
            load_estate()
        write_credentials()
    finally:
        connections.close_all()
