"""Draining, source-address persistence and PROXY protocol: stored, published, and whole."""

import pytest

from balancer.exceptions import Invalid
from balancer.services.listeners import create_listener, update_listener
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import Protocol

OPTIONS = {
    "drain_enabled": True,
    "drain_timeout_s": "10",
    "persistence_timeout_s": "3600",
    "proxy_protocol_v2": True,
}


@pytest.fixture
def create(actor, estate):
    def make(**changes: object):
        options = {"protocol": Protocol.TCP, "port": 9000, "backend_port": 9000} | changes
        return create_listener(actor=actor, load_balancer=estate.load_balancer, **options)

    return make


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_they_are_stored_recorded_and_published(create, estate, recorder, protocol):
    """slb-rpc-api 3.0; consistent hashing for persistence is there on every specification."""
    create(protocol=protocol, start=True, **OPTIONS)
    after = recorder.entry().after
    assert (after["drain_timeout_s"], after["persistence_timeout_s"]) == (10, 3600)
    compiled = compile_snapshot(estate.load_balancer, version=1)
    listener = {each.port: each for each in compiled.listeners}[9000]
    assert (listener.drain_timeout_s, listener.persistence_timeout_s) == (10, 3600)
    assert listener.proxy_protocol


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"drain_enabled": True}, "drain_timeout_s"),
        ({"drain_enabled": True, "drain_timeout_s": 9}, "drain_timeout_s"),
        ({"drain_enabled": True, "drain_timeout_s": 901}, "drain_timeout_s"),
        ({"drain_timeout_s": 30}, "drain_timeout_s"),
        ({"persistence_timeout_s": -1}, "persistence_timeout_s"),
        ({"persistence_timeout_s": 3601}, "persistence_timeout_s"),
        ({"persistence_timeout_s": None}, "persistence_timeout_s"),
        *(
            ({"protocol": Protocol.HTTP, name: value}, name)
            for name, value in (OPTIONS | {"drain_timeout_s": 10}).items()
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(create, recorder, changes, field):
    with pytest.raises(Invalid) as refused:
        create(**changes)
    assert field in refused.value.fields
    recorder.assert_nothing_happened()


def test_timeout_goes_with_its_switch(actor, create, recorder):
    listener = create(**OPTIONS)
    listener = update_listener(actor=actor, listener=listener, drain_enabled=False)
    assert listener.drain_timeout_s is None
    assert recorder.entries()[-1].after == {"drain_enabled": False, "drain_timeout_s": None}
    with pytest.raises(Invalid):
        update_listener(actor=actor, listener=listener, drain_timeout_s=20)
