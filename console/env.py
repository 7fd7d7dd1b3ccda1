"""Typed readers of environment variables: a wrong value stops the start with one clear line."""

import difflib
import ipaddress
import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple, NoReturn

EXIT_BAD_ENVIRONMENT = 2
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
MAX_PORT = 65535

_asked: set[str] = set()
"""Every name a reader has asked for: what else begins with our prefix is a slip of the pen."""


class SocketAddress(NamedTuple):
    """Where a server listens; an IPv6 host has no brackets here."""

    host: str
    port: int

    @property
    def reachable(self) -> "SocketAddress":
        """The same, or loopback for one that means every address of the machine."""
        loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return SocketAddress(loopback.get(self.host, self.host), self.port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def refuse(name: str, message: str) -> NoReturn:
    """Say what is wrong with one variable and end the program with exit status 2."""
    print(f"openclb: {name}: {message}", file=sys.stderr)
    raise SystemExit(EXIT_BAD_ENVIRONMENT)


def env_str(name: str, default: str = "") -> str:
    """Return the text of the variable; an empty one counts as not set."""
    _asked.add(name)
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int, *, at_least: int = 0, at_most: int | None = None) -> int:
    """Return the whole number in the variable, in plain ASCII digits."""
    text = env_str(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        refuse(name, f"needs a whole number, not {text!r}")
    number = int(text)
    if number < at_least or (at_most is not None and number > at_most):
        limits = f"at least {at_least}" if at_most is None else f"between {at_least} and {at_most}"
        refuse(name, f"needs a number {limits}, not {number}")
    return number


def env_bool(name: str, default: bool) -> bool:
    """Return the yes or no in the variable."""
    text = env_str(name).lower()
    if not text:
        return default
    if text not in TRUE_WORDS | FALSE_WORDS:
        refuse(name, f"needs 1 or 0 (also true/false, yes/no, on/off), not {text!r}")
    return text in TRUE_WORDS


def env_list(name: str, default: Iterable[str] = ()) -> list[str]:
    """Return the comma-separated words of the variable."""
    text = env_str(name)
    return [word.strip() for word in text.split(",") if word.strip()] if text else list(default)


def env_limits(name: str, known: Collection[str]) -> dict[str, int]:
    """Return the numbers in the variable by name, such as ``listeners_per_load_balancer=80``."""
    limits: dict[str, int] = {}
    for word in env_list(name):
        limit, _, number = word.partition("=")
        if limit not in known:
            close = difflib.get_close_matches(limit, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            refuse(name, f"knows no limit {limit!r}{hint}")
        if not (number.isascii() and number.isdigit() and int(number) > 0):
            refuse(name, f"needs {limit}=NUMBER with a number above 0, not {word!r}")
        limits[limit] = int(number)
    return limits


def env_choice(name: str, default: str, choices: Iterable[str]) -> str:
    """Return the variable's word, which is one of the choices."""
    word, allowed = env_str(name, default), sorted(choices)
    if word not in allowed:
        refuse(name, f"needs one of {', '.join(allowed)}, not {word!r}")
    return word


def env_path(name: str, default: Path) -> Path:
    """Return the absolute path in the variable."""
    text = env_str(name)
    return Path(text).expanduser().absolute() if text else default


def env_network(name: str, default: str) -> ipaddress.IPv4Network:
    """Return the IPv4 network in the variable, such as 127.88.0.0/16."""
    text = env_str(name, default)
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as error:
        refuse(name, f"needs an IPv4 network such as {default}: {error}")


def env_networks(
    name: str, default: Iterable[str] = ()
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the comma-separated networks or addresses of the variable."""
    try:
        return [ipaddress.ip_network(word) for word in env_list(name, default)]
    except ValueError as error:
        refuse(name, f"needs networks or addresses, separated by commas: {error}")


def env_socket_address(name: str, default: str) -> SocketAddress:
    """Return the HOST:PORT in the variable; IPv6 hosts stand in brackets."""
    text = env_str(name, default)
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    digits = port.isascii() and port.isdigit()
    if not (separator and host and digits and 1 <= int(port) <= MAX_PORT):
        refuse(name, f"needs HOST:PORT such as {default}, not {text!r}")
    return SocketAddress(host, int(port))


def unknown_names(prefix: str = "OPENCLB_") -> list[str]:
    """Return the variables with our prefix that no reader has asked for so far."""
    return sorted(name for name in os.environ if name.startswith(prefix) and name not in _asked)


def report_unknown() -> None:
    """Name each variable that nothing reads, on standard error, with the name it may stand for."""
    for name in unknown_names():
        close = difflib.get_close_matches(name, _asked, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        print(f"openclb: {name}: nothing reads this variable{hint}", file=sys.stderr)
