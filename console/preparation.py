"""Makes an installation usable: tables, once the first users, once the demo estate."""

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from balancer.demo.estate import load_estate
from balancer.services.first_users import create_first_users, refresh_console_url


def prepare_installation() -> None:
    """Bring the tables up to date and write what an empty database lacks; does no harm twice."""
    try:
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
        if settings.OPENCLB_DEMO:
            load_estate()
        if not create_first_users(settings.CREDENTIALS_FILE, settings.CONSOLE_URL):
            refresh_console_url(settings.CREDENTIALS_FILE, settings.CONSOLE_URL)
    finally:
        connections.close_all()
