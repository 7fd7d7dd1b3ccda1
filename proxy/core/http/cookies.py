"""Edits the cookies of one name in header lines (RFC 6265); everything else stays byte for byte.

What is no ``name=value`` pair is passed on as it came: it is not ours to judge.
"""

from collections.abc import Callable

Edit = Callable[[bytes], bytes | None]
"""What a value becomes; None takes the cookie out."""


def edit_cookies(lines: bytes, name: bytes, edit: Edit) -> bytes:
    """Return a request's lines with each cookie of the name edited; an empty line is left out."""
    if name + b"=" not in lines:
        return lines
    return b"".join(_edit_cookie_line(line, name, edit) for line in _split(lines))


def edit_set_cookies(lines: bytes, name: bytes, edit: Edit) -> bytes:
    """Return a response's lines with each cookie of the name edited that it sets."""
    if name not in lines:
        return lines
    return b"".join(_edit_set_cookie_line(line, name, edit) for line in _split(lines))


def _split(lines: bytes) -> list[bytes]:
    return lines.split(b"\r\n")[:-1]


def _edit_cookie_line(line: bytes, name: bytes, edit: Edit) -> bytes:
    field, _, text = line.partition(b":")
    if field.lower() != b"cookie":
        return line + b"\r\n"
    kept = []
    for pair in text.split(b";"):
        key, equals, value = pair.strip(b" \t").partition(b"=")
        if not equals or key != name:
            kept.append(pair)
        elif (edited := edit(value)) is not None:
            kept.append(b" %b=%b" % (name, edited))
    if not kept:
        return b""
    return b"%b: %b\r\n" % (field, b";".join(kept).strip(b" \t"))


def _edit_set_cookie_line(line: bytes, name: bytes, edit: Edit) -> bytes:
    field, _, text = line.partition(b":")
    pair, semicolon, attributes = text.partition(b";")
    key, equals, value = pair.strip(b" \t").partition(b"=")
    if field.lower() != b"set-cookie" or not equals or key.rstrip(b" \t") != name:
        return line + b"\r\n"
    edited = edit(value.strip(b" \t"))
    if edited is None:
        return b""
    return b"%b: %b=%b%b%b\r\n" % (field, name, edited, semicolon, attributes)
