"""The hidden field of a form that says which state of a row somebody saw."""


def read_edit_number(text: str) -> int | None:
    """Return the edit number, or None for what is none: then nothing is compared."""
    return int(text) if text.isascii() and text.isdigit() else None
