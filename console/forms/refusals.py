"""How a refusal of a service becomes errors of the form that asked for it."""

from collections.abc import Callable

from django.forms import Form

from balancer.exceptions import BalancerError, Invalid, Stale


def add_refusal(form: Form, error: BalancerError) -> None:
    """Put each message at its field, and what concerns no field of the form on the form."""
    fields = error.fields if isinstance(error, Invalid) else {}
    named = str(error.details.get("field", ""))
    if not fields and named in form.fields:
        fields = {named: [error.message]}
    for name, texts in fields.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)
    if not fields:
        form.add_error(None, _stale_message(error) if isinstance(error, Stale) else error.message)
    if isinstance(error, Stale):
        _expect_current(form, error)


def ask_domain(form: Form, check: Callable[[], object]) -> None:
    """Put what the domain refuses at its fields, one message each."""
    try:
        check()
    except Invalid as error:
        for name, texts in error.fields.items():
            if name in form.fields and name not in form.errors:
                form.add_error(name, texts[0])


def _stale_message(error: Stale) -> str:
    who = error.details.get("changed_by") or "Somebody"
    return (
        f"{who} changed this since you opened it. Your input is kept and nothing is saved yet: "
        "save again to put it over their change, or leave to keep theirs."
    )


def _expect_current(form: Form, error: Stale) -> None:
    """Let the next save go over the change that was just shown."""
    data = form.data.copy()  # type: ignore[attr-defined]
    data["expected"] = str(error.details["current"])
    form.data = data
