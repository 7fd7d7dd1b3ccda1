"""Every listening socket of a node, owned by the parent process: open, keep, close, try again.

A socket is bound without SO_REUSEPORT, so a leftover process or a second installation on the same
address is noticed; workers share the one accept queue, and a worker that dies takes no waiting
connection with it. A UDP socket is used by one worker at a time (``proxy/workers.py``).
"""

import contextlib
import errno
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from proxy.core.generation import unserved_reason
from proxy.snapshot import Listener, ListenerError, ListenerFault, Protocol, Snapshot

BACKLOG = 4096
DATAGRAM_BUFFER_BYTES = 4 * 1024 * 1024
ERRORS = {
    errno.EADDRINUSE: ListenerError.ADDRESS_IN_USE,
    errno.EACCES: ListenerError.NOT_PERMITTED,
    errno.EPERM: ListenerError.NOT_PERMITTED,
}

logger = logging.getLogger(__name__)

Place = tuple[Protocol, str, int]


@dataclass(slots=True)
class _Entry:
    """One listener that this proxy can serve, with its socket or why there is none."""

    listener: Listener
    place: Place
    sock: socket.socket | None = None
    fault: ListenerFault | None = None


@dataclass(slots=True)
class _Balancer:
    entries: dict[str, _Entry] = field(default_factory=dict)
    unserved: list[ListenerFault] = field(default_factory=list)


class ListeningSockets:
    """The sockets of all load balancers."""

    def __init__(self, inherited: Mapping[Place, socket.socket] | None = None) -> None:
        self._balancers: dict[str, _Balancer] = {}
        self._inherited = dict(inherited or {})

    @property
    def faults(self) -> tuple[ListenerFault, ...]:
        """Return every listener that cannot be served now, and why."""
        return tuple(
            fault
            for balancer in self._balancers.values()
            for fault in (
                *balancer.unserved,
                *(entry.fault for entry in balancer.entries.values() if entry.fault),
            )
        )

    def open_sockets(self, load_balancer: str) -> dict[str, socket.socket]:
        """Return the open socket of each listener that has one."""
        balancer = self._balancers.get(load_balancer, _Balancer())
        return {id_: entry.sock for id_, entry in balancer.entries.items() if entry.sock}

    def reconcile(self, snapshot: Snapshot) -> dict[str, socket.socket]:
        """Match the snapshot and return the sockets that are new; what stays keeps its socket."""
        balancer = self._balancers.setdefault(snapshot.load_balancer, _Balancer())
        balancer.unserved = []
        wanted: dict[str, _Entry] = {}
        for listener in snapshot.listeners:
            if reason := unserved_reason(listener):
                balancer.unserved.append(
                    _fault(snapshot.load_balancer, listener, ListenerError.UNSUPPORTED, reason)
                )
                continue
            place = (listener.protocol, snapshot.address, listener.port)
            wanted[listener.id] = _Entry(listener, place)
        self._close_unwanted(balancer, wanted)
        for id_, entry in wanted.items():
            if known := balancer.entries.get(id_):
                entry.sock = known.sock
        balancer.entries = wanted
        return dict(self._open_missing(snapshot.load_balancer, balancer))

    def by_place(self) -> dict[Place, socket.socket]:
        """Return every open socket by what it is bound to."""
        return {
            entry.place: entry.sock
            for balancer in self._balancers.values()
            for entry in balancer.entries.values()
            if entry.sock
        }

    def drop_inherited(self) -> None:
        """Close what the program before this one served and nothing here asks for."""
        for sock in self._inherited.values():
            _close(sock)
        self._inherited.clear()

    def retry(self) -> Iterator[tuple[str, str, socket.socket]]:
        """Try the faulty ones again; yield load balancer, listener and socket of what opened."""
        for load_balancer, balancer in self._balancers.items():
            for id_, sock in self._open_missing(load_balancer, balancer):
                logger.info("listener opened", extra={"listener": id_})
                yield load_balancer, id_, sock

    def remove(self, load_balancer: str) -> None:
        """Close every socket of a load balancer."""
        balancer = self._balancers.pop(load_balancer, None)
        if balancer:
            self._close_unwanted(balancer, {})

    def close(self) -> None:
        """Close every socket."""
        for load_balancer in list(self._balancers):
            self.remove(load_balancer)
        self.drop_inherited()

    def _close_unwanted(self, balancer: _Balancer, wanted: dict[str, _Entry]) -> None:
        for id_, entry in list(balancer.entries.items()):
            if id_ not in wanted or wanted[id_].place != entry.place:
                del balancer.entries[id_]
                if entry.sock:
                    _close(entry.sock)

    def _open_missing(
        self, load_balancer: str, balancer: _Balancer
    ) -> Iterator[tuple[str, socket.socket]]:
        for id_, entry in balancer.entries.items():
            if entry.sock:
                continue
            try:
                entry.sock = self._inherited.pop(entry.place, None) or _bind(*entry.place)
            except OSError as error:
                entry.fault = self._note(load_balancer, entry, error)
            else:
                entry.fault = None
                yield id_, entry.sock

    def _note(self, load_balancer: str, entry: _Entry, error: OSError) -> ListenerFault:
        _, address, port = entry.place
        kind = ERRORS.get(error.errno or 0, ListenerError.ADDRESS_UNAVAILABLE)
        detail = f"{address}:{port}: {error.strerror or error}"
        if not entry.fault or entry.fault.error is not kind:
            logger.warning(
                "listener cannot be opened",
                extra={"listener": entry.listener.id, "reason": kind, "detail": detail},
            )
        return _fault(load_balancer, entry.listener, kind, detail)


def _fault(
    load_balancer: str, listener: Listener, error: ListenerError, detail: str
) -> ListenerFault:
    return ListenerFault(load_balancer, listener.id, error, detail)


def _bind(protocol: Protocol, address: str, port: int) -> socket.socket:
    if protocol is Protocol.UDP:
        return _bind_datagram(address, port)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_datagram(address: str, port: int) -> socket.socket:
    """Bind without SO_REUSEADDR, which would let two sockets share a UDP port unnoticed."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # A burst waits here while its worker is busy; the kernel caps it at its own limit.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DATAGRAM_BUFFER_BYTES)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _close(sock: socket.socket) -> None:
    """Stop listening at once, whichever process still holds a copy, so the address is free.

    A UDP socket has no such word: its address is free when its worker lets go of its copy.
    """
    if sock.type == socket.SOCK_STREAM:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    sock.close()
