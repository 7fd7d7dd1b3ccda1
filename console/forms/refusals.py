"""How a refusal of a service becomes errors of the form that asked for it."""

from django.forms import Form

from balancer.exceptions import BalancerError, Invalid


def add_refusal(form: Form, error: BalancerError) -> None:
    """Put each message at its field, and what concerns no field of the form on the form."""
    placed = False
    for name, texts in error.fields.items() if isinstance(error, Invalid) else ():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)
            placed = True
    if not placed:
        form.add_error(None, error.message)
