"""A node with an HTTPS listener: keys stay private, a bad certificate costs only its snapshot."""

import http.client
import ssl
from collections.abc import Callable
from dataclasses import replace

from proxy.snapshot import Certificate, Protocol, Snapshot, Tls, TlsPolicy
from tests.certificates import Issued, authority, certificate_for
from tests.proxy.node_scene import (
    Backend,
    Estate,
    FeedWriter,
    NodeProcess,
    applied_version,
    wait_until,
)

NAME = "shop.example"


class SecureEstate(Estate):
    """An estate whose first listener is HTTPS."""

    def snapshot_with(self, issued: Issued) -> Snapshot:
        snapshot = self.snapshot()
        tls = Tls(TlsPolicy.TLS_1_2, "cert-1")
        listener = replace(snapshot.listeners[0], protocol=Protocol.HTTPS, tls=tls)
        certificate = Certificate("cert-1", issued.chain_pem, issued.key_pem)
        return replace(snapshot, listeners=(listener,), certificates=(certificate,))

    def who_is_secure(self) -> str:
        """Return which server answers over TLS, or nothing."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authority().pem)
        context.check_hostname = False
        client = http.client.HTTPSConnection(
            self.address, self.ports["http"], timeout=5, context=context
        )
        try:
            client.request("GET", "/")
            return client.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            client.close()


def test_bad_certificate_is_refused_and_the_last_good_one_survives_without_the_feed(
    feed: FeedWriter, backends: list[Backend], new_node: Callable[..., NodeProcess]
):
    estate = SecureEstate(backends[:1])
    good, other = certificate_for(NAME), certificate_for("other.example")
    node = new_node(workers=1).start()
    first = estate.snapshot_with(good)
    feed.put(first)
    wait_until(lambda: applied_version(feed, node.node, estate.name) == first.version, "applied")
    assert wait_until(estate.who_is_secure, "an answer") == "a"

    torn = replace(good, key_pem=other.key_pem)
    bad = estate.snapshot_with(torn)
    feed.put(bad)

    def refusal() -> str:
        report = feed.report(node.node)
        refused = report.refused.get(estate.name) if report else None
        return refused.error if refused and refused.version == bad.version else ""

    reason = wait_until(refusal, "a refusal")
    assert "cert-1" in reason
    assert estate.who_is_secure() == "a"

    path = node.data_dir / "proxy" / "snapshots" / f"{estate.name}.json"
    wait_until(path.exists, "the last-good file")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    node.kill()
    feed.client.flushall()
    node.start()
    assert wait_until(estate.who_is_secure, "an answer without the feed") == "a"
    secrets = {line for line in good.key_pem.splitlines() if "KEY" not in line}
    told = node.log_text() + reason
    assert not any(secret in told for secret in secrets)
