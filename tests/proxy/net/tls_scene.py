"""The scene of HTTP tests with encryption between clients and proxy."""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import replace
from types import TracebackType

from proxy.core.health import Availability
from proxy.net.ledger import Ledger
from proxy.net.listeners import ListenerService
from proxy.net.server import ProxyServer
from proxy.net.upstream import UpstreamPool
from proxy.snapshot import Certificate, DomainCertificate, Protocol, Snapshot, Tls, TlsPolicy
from tests.certificates import Issued, authority, certificate_for
from tests.proxy.net.http_scene import Peer, Scene

NAME = "a.example"


def client_context(**options: object) -> ssl.SSLContext:
    """Return what a client that trusts the test authority begins with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority().pem)
    for name, value in options.items():
        setattr(context, name, value)
    return context


def as_certificate(id_: str, issued: Issued) -> Certificate:
    return Certificate(id_, issued.chain_pem, issued.key_pem)


class TlsPeer(Peer):
    """A client that encrypts; ``received`` is what it has read."""

    def __init__(
        self,
        scene: "TlsScene",
        sock: socket.socket,
        context: ssl.SSLContext,
        name: str,
        session: ssl.SSLSession | None = None,
    ) -> None:
        super().__init__(scene, sock)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_hostname=name, session=session
        )
        self.was_told = False
        self.waiting = b""

    def shake_hands(self, step: int = 1 << 20) -> None:
        """Agree with the proxy; ``step`` is how many bytes go at a time."""

        def is_done() -> bool:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send_ciphertext(step)
                self._receive()
                return False
            self._send_ciphertext(step)
            return True

        self.scene.wait(is_done, lambda: "a handshake")

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view[: 1 << 14]) :]
            self._send_ciphertext()
        self.scene.turn()

    def take(self, limit: int = 1 << 20) -> int:
        self._receive(limit)
        size = 0
        try:
            while data := self.tls.read(1 << 14):
                self.received += data
                size += len(data)
            self.is_at_end = self.was_told = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            # The answer to an end of our own.
            self.is_at_end = self.was_told = True
        except ssl.SSLEOFError:
            self.is_at_end = True
        return size

    def send_some(self, data: bytes) -> int:
        size = 0
        if not self.waiting:
            size = self.tls.write(data[: 1 << 14])
            self.waiting = self.outgoing.read()
        self.waiting = self.waiting[self.sock.send(self.waiting) :]
        return size

    def shut_down(self) -> None:
        """End the session and then the stream, as a polite client does."""
        self.end_session()
        super().shut_down()

    def end_session(self) -> None:
        """Send the end of the session and nothing else."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        self._send_ciphertext()
        self.scene.turn()

    def _send_ciphertext(self, step: int = 1 << 20) -> None:
        data = self.outgoing.read()
        for at in range(0, len(data), step):
            super().send(data[at : at + step])

    def _receive(self, limit: int = 1 << 20) -> None:
        try:
            data = self.sock.recv(limit)
        except BlockingIOError:
            return
        except ConnectionResetError:
            self.was_reset = True
            data = b""
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()


class TlsScene(Scene):
    """A scene with an HTTPS listener; ``connect`` returns a client that has agreed on keys."""

    def __init__(
        self,
        servers: int = 1,
        *,
        default: Issued | None = None,
        domains: dict[str, Issued] | None = None,
        client_ca: Issued | None = None,
        policy: TlsPolicy = TlsPolicy.TLS_1_2_STRICT_WITH_1_3,
        context: ssl.SSLContext | None = None,
        ledger: Ledger | None = None,
        **options: object,
    ) -> None:
        self.ledger = ledger
        self.default = default or certificate_for(NAME)
        self.domains = domains or {}
        self.client_ca = client_ca
        self.policy = policy
        self.context = context or client_context()
        self.loop = asyncio.new_event_loop()
        super().__init__(servers, protocol=Protocol.HTTPS, **options)
        self.reactor.attach(self.loop)

    def snapshot(self, weights: list[int] | None = None, **options: object) -> Snapshot:
        named = [as_certificate(domain, issued) for domain, issued in self.domains.items()]
        certificates = [as_certificate("default", self.default), *named]
        if self.client_ca:
            certificates.append(Certificate("authority", self.client_ca.pem))
        tls = Tls(
            self.policy,
            "default",
            tuple(DomainCertificate(each.id, each.id) for each in named),
            "authority" if self.client_ca else None,
        )
        snapshot = super().snapshot(weights, tls=tls, **options)
        return replace(snapshot, certificates=tuple(certificates))

    def _build_service(self) -> ListenerService:
        self.proxy = ProxyServer(self.reactor, access_log=self.access_log, ledger=self.ledger)
        self.proxy.adopt(self.snapshot())
        self.proxy.listen("lb-1", "lsn-1", self._front)
        self.availability: Availability = self.proxy.availability
        self.pool: UpstreamPool = self.proxy.upstreams
        return self.proxy._services["lb-1", "lsn-1"]

    def adopt_weights(self, weights: list[int]) -> None:
        self.proxy.adopt(self.snapshot(weights))

    def replace_certificate(self, default: Issued) -> None:
        """Do what the proxy does when the certificate of a listener was replaced."""
        self.default = default
        self.proxy.adopt(self.snapshot())

    def connect(
        self,
        source: tuple[str, int] | None = None,
        name: str = NAME,
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
        step: int = 1 << 20,
    ) -> TlsPeer:
        peer = self.connect_silently(source, name, context, session)
        peer.shake_hands(step)
        return peer

    def connect_silently(
        self,
        source: tuple[str, int] | None = None,
        name: str = NAME,
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
    ) -> TlsPeer:
        """Return a client that has said nothing yet."""
        sock = super().connect(source).sock
        peer = TlsPeer(self, sock, context or self.context, name, session)
        self.adopt(peer)
        return peer

    def turn(self) -> None:
        super().turn()
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self.loop.close()
