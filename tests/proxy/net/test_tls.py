"""HTTPS listeners with real clients: handshakes, certificates, policies, sessions, ends."""

import asyncio
import contextlib
import os
import ssl
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from proxy.net import tls_client
from proxy.net.ledger import Ledger, create_ledger, ticket_secret
from proxy.net.ticket_keys import keep_replaced
from proxy.net.tls_client import HANDSHAKES_PER_DRAIN, TlsClient, TlsHandshake
from proxy.net.tls_contexts import CertificateUnusable
from proxy.snapshot import TlsPolicy
from tests.certificates import Issued, authority, certificate_for, issue, key_pem_of
from tests.proxy.net.http_scene import Peer
from tests.proxy.net.tls_scene import NAME, TlsPeer, TlsScene, client_context

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
V = ssl.TLSVersion


def exchange(scene: TlsScene, client: TlsPeer, server: Peer | None = None) -> Peer:
    """Carry one request and return the server's connection."""
    client.send(GET)
    server = server or scene.server.accept()
    server.wait_for_head()
    server.send(OK)
    assert client.wait_for_response()[1] == b"ok"
    return server


def is_refused(scene: TlsScene, **options: object) -> bool:
    """Tell whether a client with these options gets no connection out of it."""
    try:
        client = scene.connect(**options)  # type: ignore[arg-type]
        client.send(GET)

        def is_decided() -> bool:
            client.take()
            return client.is_at_end or scene.server.try_accept() is not None

        scene.wait(is_decided, lambda: "an end, or a request at the server")
    except ssl.SSLError:
        return True
    return client.is_at_end


def read_ciphertext(scene: TlsScene, client: TlsPeer) -> bytes:
    """Return all that comes until the end, as it is on the wire."""

    def has_ended() -> bool:
        Peer.take(client)
        return client.is_at_end

    scene.wait(has_ended, lambda: "the end")
    return bytes(client.received)


# --- handshakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("highest", [V.TLSv1_2, V.TLSv1_3])
def test_handshake_may_come_byte_by_byte(highest):
    with TlsScene() as scene:
        client = scene.connect(context=client_context(maximum_version=highest), step=1)
        exchange(scene, client)
        (served,) = scene.service.connections
    assert isinstance(served, TlsClient)


def test_request_may_come_with_the_end_of_the_handshake():
    with TlsScene() as scene:
        client = scene.connect_silently()

        def has_agreed() -> bool:
            try:
                client.tls.do_handshake()
            except ssl.SSLWantReadError:
                client._send_ciphertext()
                client._receive()
                return False
            return True

        scene.wait(has_agreed, lambda: "the server's half of the handshake")
        client.send(GET)  # the client's last word of the handshake goes along
        server = scene.server.accept()
        server.wait_for_head()
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"


def test_slow_handshake_is_closed_in_time(monkeypatch):
    monkeypatch.setattr(tls_client, "HANDSHAKE_TIMEOUT_S", 0.2)
    with TlsScene() as scene:
        client = scene.connect_silently()
        client.sock.send(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a hello
        client.wait_for_end()
        scene.wait(lambda: not scene.service.connections, lambda: "the client to be forgotten")


@pytest.mark.parametrize(
    "hello",
    [
        pytest.param(GET, id="plain-http"),
        pytest.param(b"\x16\x03\x01\xff\xff" + bytes(200), id="oversized-record"),
        pytest.param(bytes(range(256)), id="noise"),
    ],
)
def test_who_does_not_speak_tls_is_closed_and_others_go_on(hello):
    with TlsScene() as scene:
        neighbour = scene.connect()
        stranger = scene.connect_silently()
        stranger.sock.send(hello)
        read_ciphertext(scene, stranger)
        exchange(scene, neighbour)
        assert len(scene.service.connections) == 1


def test_many_handshakes_at_once_let_others_have_their_turn():
    count = 3 * HANDSHAKES_PER_DRAIN
    with TlsScene() as scene:
        clients = [scene.connect_silently() for _ in range(count)]
        for client in clients:
            with pytest.raises(ssl.SSLWantReadError):
                client.tls.do_handshake()
            client.sock.send(client.outgoing.read())
        begun = []
        original = TlsHandshake._go_on
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                TlsHandshake, "_go_on", lambda self: (begun.append(self), original(self))[1]
            )
            scene.reactor.drain()
        assert 0 < len(begun) <= HANDSHAKES_PER_DRAIN
        for client in clients:
            client.shake_hands()
        exchange(scene, clients[-1])


def test_garbage_after_the_handshake_ends_the_connection():
    with TlsScene() as scene:
        client = scene.connect()
        client.sock.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        client.wait_for_end()
        scene.wait(lambda: not scene.service.connections, lambda: "the client to be forgotten")
    assert not client.was_told


# --- certificates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b.example", "b.example"),
        ("B.Example", "b.example"),
        ("x.b.example", "*.b.example"),
        ("y.x.b.example", "*.x.b.example"),
        ("other.example", "a.example"),
        ("127.0.0.1", "a.example"),  # an address is no name: clients send none
    ],
)
def test_name_that_the_client_asks_for_chooses_the_certificate(name, expected):
    domains = {
        each: certificate_for(each) for each in ("b.example", "*.b.example", "*.x.b.example")
    }
    with TlsScene(domains=domains) as scene:
        context = client_context(check_hostname=False)
        client = scene.connect(name=name, context=context)
        shown = client.tls.getpeercert(binary_form=True)
    assert shown == certificate_for(expected).der


def test_chain_is_sent_whole():
    root = authority()
    between = issue("Between", issuer=root, is_authority=True)
    leaf = issue(NAME, domains=[NAME], issuer=between)
    chained = Issued(leaf.certificate, leaf.key, leaf.pem + between.pem, leaf.key_pem)
    with TlsScene(default=chained) as scene:
        assert scene.connect().tls.getpeercert(binary_form=True) == leaf.der


def test_certificate_that_does_not_fit_its_key_changes_nothing():
    with TlsScene() as scene:
        good = scene.default
        other = certificate_for("b.example")
        scene.default = Issued(other.certificate, good.key, other.chain_pem, good.key_pem)
        with pytest.raises(CertificateUnusable) as refusal:
            scene.proxy.adopt(scene.snapshot())
        client = scene.connect()
        assert client.tls.getpeercert(binary_form=True) == good.der
        exchange(scene, client)
    assert "certificate default" in str(refusal.value)
    assert "KEY" not in str(refusal.value).replace("KEY_VALUES_MISMATCH", "")


def test_key_with_a_password_is_refused_without_a_question():
    issued = certificate_for("c.example")
    locked = Issued(issued.certificate, issued.key, issued.pem, key_pem_of(issued.key, b"secret"))
    with TlsScene() as scene:
        scene.default = locked
        with pytest.raises(CertificateUnusable):
            scene.proxy.adopt(scene.snapshot())


def test_replaced_certificate_is_shown_without_a_lost_request():
    """R13, issue 3 section 2: a certificate replaced under load costs no handshake."""
    certificates = [certificate_for(NAME), issue(NAME, domains=[NAME], issuer=authority())]
    seen, answered = set(), []
    with TlsScene(default=certificates[0]) as scene:
        kept = scene.connect()
        server = exchange(scene, kept)
        for number in range(60):
            begun = scene.connect_silently()  # its handshake crosses the replacement
            scene.replace_certificate(certificates[number % 2])
            begun.shake_hands()
            for client in (kept, begun):
                client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
                head = server.wait_for_head()
                server.send(OK)
                client.wait_for_response()
                answered.append(head.split()[1])
            seen.add(begun.tls.getpeercert(binary_form=True))
            begun.end_session()
    assert answered == [b"/%d" % number for number in range(60) for _ in range(2)]
    assert seen == {each.der for each in certificates}


def test_unchanged_certificate_keeps_its_context():
    with TlsScene(domains={"b.example": certificate_for("b.example")}) as scene:
        before = scene.service.tls
        scene.adopt_weights([50])
        assert scene.service.tls is before
        scene.replace_certificate(certificate_for(NAME, "c.example"))
        assert scene.service.tls is not before


# --- policies ------------------------------------------------------------------------------------

OFFERED = {
    TlsPolicy.TLS_1_0: {V.TLSv1, V.TLSv1_1, V.TLSv1_2},
    TlsPolicy.TLS_1_1: {V.TLSv1_1, V.TLSv1_2},
    TlsPolicy.TLS_1_2: {V.TLSv1_2},
    TlsPolicy.TLS_1_2_STRICT: {V.TLSv1_2},
    TlsPolicy.TLS_1_2_STRICT_WITH_1_3: {V.TLSv1_2, V.TLSv1_3},
}
NAMES = {V.TLSv1: "TLSv1", V.TLSv1_1: "TLSv1.1", V.TLSv1_2: "TLSv1.2", V.TLSv1_3: "TLSv1.3"}


def context_of(version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """Return a client that speaks this version alone."""
    context = client_context()
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("policy", OFFERED)
def test_policy_offers_its_versions_and_no_others(policy):
    with TlsScene(policy=policy) as scene:
        for version, name in NAMES.items():
            context = context_of(version)
            if version in OFFERED[policy]:
                assert scene.connect(context=context).tls.version() == name
            else:
                assert is_refused(scene, context=context)


@pytest.mark.parametrize("policy", OFFERED)
def test_strict_policies_have_forward_secrecy_only(policy, rsa_certificate):
    with TlsScene(policy=policy, default=rsa_certificate) as scene:
        context = context_of(V.TLSv1_2, "AES128-GCM-SHA256")
        refuses = is_refused(scene, context=context)
        assert scene.connect(context=context_of(V.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"))
    assert refuses == ("strict" in policy)


@pytest.fixture(scope="module")
def rsa_certificate() -> Issued:
    return issue(
        NAME, domains=[NAME], issuer=authority(), key=rsa.generate_private_key(65537, 2048)
    )


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "http/1.1"), (["h2"], None), ([], None)],
)
def test_protocol_is_http_11_whatever_the_client_would_like(offered, chosen):
    context = client_context()
    if offered:
        context.set_alpn_protocols(offered)
    with TlsScene() as scene:
        client = scene.connect(context=context)
        assert client.tls.selected_alpn_protocol() == chosen
        exchange(scene, client)


# --- sessions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("highest", [V.TLSv1_2, V.TLSv1_3])
def test_session_is_resumed_also_after_a_change_of_something_else(highest):
    context = client_context(maximum_version=highest)
    with TlsScene(context=context) as scene:
        first = scene.connect()
        server = exchange(scene, first)
        scene.adopt_weights([50])
        second = scene.connect(session=first.tls.session)
        exchange(scene, second, server)
        assert second.tls.session_reused
        assert not first.tls.session_reused


@pytest.fixture
def ledgers():
    """Return the ledgers of two workers of one node, whose tickets have a common secret."""
    memory = create_ledger(2)
    ticket_secret(memory, 2).replace()
    yield [Ledger(memory, 2, index) for index in range(2)]
    os.close(memory)


@pytest.mark.parametrize("name", [NAME, "b.example"])
@pytest.mark.parametrize("highest", [V.TLSv1_2, V.TLSv1_3])
def test_session_is_resumed_at_another_worker(highest, name, ledgers):
    context = client_context(maximum_version=highest)
    domains = {"b.example": certificate_for("b.example")}
    first, second = (TlsScene(context=context, domains=domains, ledger=each) for each in ledgers)
    with first, second:
        session, servers = None, {}
        for number, scene in enumerate([first, second, first, second]):
            scene.proxy.tend()
            client = scene.connect(name=name, session=session)
            assert client.tls.session_reused is (number > 0)
            servers[scene] = exchange(scene, client, servers.get(scene))
            session = client.tls.session


def test_a_new_secret_makes_full_handshakes_and_no_failures(ledgers):
    context = client_context()
    first, second = (TlsScene(context=context, ledger=each) for each in ledgers)
    with first, second:
        for scene in (first, second):
            scene.proxy.tend()
        client = first.connect()
        server = exchange(first, client)
        ledgers[0].tickets.replace()
        for scene, at in ((first, server), (second, None)):
            scene.proxy.tend()
            again = scene.connect(session=client.tls.session)
            assert not again.tls.session_reused
            exchange(scene, again, at)
        third = first.connect(session=again.tls.session)
        assert third.tls.session_reused, "both have the new one"


@pytest.mark.parametrize("highest", [V.TLSv1_2, V.TLSv1_3])
def test_session_is_no_entrance_where_another_certificate_is_asked_for(highest, tmp_path, ledgers):
    """A ticket vouches for the client certificate that was shown when it was given."""
    context = context_with(
        certificate_for("someone", by="Clients"), tmp_path, maximum_version=highest
    )
    one = TlsScene(client_ca=authority("Clients"), ledger=ledgers[0])
    other = TlsScene(client_ca=authority("Other clients"), ledger=ledgers[1])
    open_to_all = TlsScene(ledger=ledgers[1])
    with one, other, open_to_all:
        for scene in (one, other, open_to_all):
            scene.proxy.tend()
        for scene in (one, open_to_all):
            client = scene.connect(context=context)
            exchange(scene, client)
            assert is_refused(other, context=context, session=client.tls.session)


def test_the_secret_is_put_in_force_once_the_trial_has_succeeded():
    memory = create_ledger(1)
    secret = ticket_secret(memory, 1)
    assert secret.number == 0

    async def keep() -> None:
        job = asyncio.create_task(keep_replaced(secret))
        async with asyncio.timeout(60):
            while not secret.number:
                await asyncio.sleep(0.01)
        job.cancel()

    asyncio.run(keep())
    assert any(secret.read())
    before = secret.read()
    secret.replace()
    assert secret.read() != before
    os.close(memory)


# --- client certificates -------------------------------------------------------------------------


def context_with(issued: Issued | None, tmp_path, **options: object) -> ssl.SSLContext:
    context = client_context(**options)
    if issued:
        path = tmp_path / "client.pem"
        path.write_text(issued.chain_pem + issued.key_pem)
        context.load_cert_chain(path)
    return context


@pytest.mark.parametrize("highest", [V.TLSv1_2, V.TLSv1_3])
def test_client_certificate_is_needed_where_an_authority_is_set(highest, tmp_path):
    clients = authority("Clients")
    known = certificate_for("someone", by="Clients")
    stranger = certificate_for("stranger")
    with TlsScene(client_ca=clients) as scene:

        def context(issued: Issued | None) -> ssl.SSLContext:
            return context_with(issued, tmp_path, maximum_version=highest)

        server = exchange(scene, scene.connect(context=context(known)))
        assert is_refused(scene, context=context(None))
        assert is_refused(scene, context=context(stranger))
        exchange(scene, scene.connect(context=context(known)), server)


# --- ends ----------------------------------------------------------------------------------------


def test_end_of_a_whole_answer_is_announced():
    with TlsScene() as scene:
        client = scene.connect()
        client.send(GET[:-2] + b"Connection: close\r\n\r\n")
        server = scene.server.accept()
        server.wait_for_head()
        server.send(OK)
        assert client.wait_for_end().endswith(b"ok")
    assert client.was_told


def test_cut_answer_has_no_announced_end():
    with TlsScene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        client.wait_for(b"ok")
        server.close()
        client.wait_for_end()
    assert not client.was_told


def test_client_that_ends_its_session_only_still_gets_its_answer():
    with TlsScene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        client.end_session()
        scene.settle()
        server.send(OK)
        scene.wait(lambda: not scene.service.connections, lambda: "the client to be closed")
        # Python's client drops what comes after its own end; it is on the wire all the same.
        assert len(read_ciphertext(scene, client)) > len(OK)


def test_idle_client_that_ends_its_session_is_closed():
    with TlsScene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        client.end_session()
        scene.wait(lambda: not scene.service.connections, lambda: "the client to be closed")
        exchange(scene, scene.connect(), server)


def test_handshake_that_a_retiring_program_has_begun_gets_one_answer():
    with TlsScene() as scene:
        client = scene.connect_silently()
        scene.service.retire()
        client.shake_hands()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(OK)
        answer = client.wait_for_end()
    assert answer.endswith(b"ok")
    assert b"\r\nConnection: close\r\n" in answer
    assert client.was_told


def test_closing_listener_tells_idle_clients():
    with TlsScene() as scene:
        client = scene.connect()
        waiting = scene.connect_silently()
        scene.service.close()
        client.wait_for_end()
        waiting.wait_for_end()
    assert client.was_told


def test_bodies_both_ways_pass_a_bandwidth_limit_whole():
    """What was decrypted already must not be forgotten while the connection waits for its turn."""
    size = 600_000
    with TlsScene(bandwidth_mbps=20) as scene:
        client = scene.connect()
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        server = scene.server.accept()
        server.wait_for_head()
        sent, body = 0, bytes(size)

        def has_come() -> bool:
            nonlocal sent
            if sent < size or client.waiting:
                with contextlib.suppress(BlockingIOError):
                    sent += client.send_some(body[sent:])
            server.take()
            return len(server.received) == size

        scene.wait(has_come, lambda: f"{size} bytes, not {len(server.received)}")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
        assert len(client.wait_for_response()[1]) == size
