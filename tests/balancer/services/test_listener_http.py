"""What HTTP listeners add, compress and redirect (slb-rpc-api.md sections 3.2 and 5.6)."""

import pytest

from balancer.choices import ListenerStatus
from balancer.exceptions import Conflict, Invalid
from balancer.models import Listener
from balancer.selectors.health import NOT_CHECKED, get_group_health, get_listener_health
from balancer.services.listeners import create_listener, delete_listener, update_listener
from balancer.snapshot.compiler import compile_snapshot
from proxy.core.generation import build_generation
from proxy.snapshot import Protocol, Snapshot

SWITCHES = [
    "gzip_enabled",
    "forwarded_proto",
    "forwarded_port",
    "forwarded_client_port",
    "forwarded_instance_address",
    "forwarded_instance_id",
]


@pytest.fixture
def https(estate) -> Listener:
    return Listener.objects.create(
        load_balancer=estate.load_balancer,
        protocol=Protocol.HTTPS,
        port=443,
        name="https",
        backend_port=8080,
    )


def redirecting(actor, estate, **values) -> Listener:
    options = {"protocol": Protocol.HTTP, "port": 81, "redirect_port": 443} | values
    return create_listener(actor=actor, load_balancer=estate.load_balancer, **options)


@pytest.mark.parametrize("option", SWITCHES)
def test_each_option_reaches_the_proxies_and_goes_again(actor, estate, recorder, option):
    changed = update_listener(actor=actor, listener=estate.listener, **{option: True})
    assert recorder.entry().after == {option: True}
    name = option.removesuffix("_enabled")
    (compiled,) = compile_snapshot(estate.load_balancer, version=1).listeners
    assert getattr(compiled, name) is True
    update_listener(actor=actor, listener=changed, **{option: False})
    (compiled,) = compile_snapshot(estate.load_balancer, version=2).listeners
    assert getattr(compiled, name) is False
    assert recorder.published == 2


def test_a_redirecting_listener_needs_no_servers_and_asks_none(actor, estate, https):
    listener = redirecting(actor, estate, start=True)
    assert (listener.backend_port, listener.redirect_port) == (None, 443)
    snapshot = compile_snapshot(estate.load_balancer, version=1)
    compiled = {each.port: each for each in snapshot.listeners}[81]
    assert (compiled.redirect_port, compiled.health_check) == (443, None)
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
    plan = build_generation(snapshot, None).listeners[listener.public_id]
    assert plan.targets == ()
    assert not get_listener_health(listener).servers
    estate.listener.status = ListenerStatus.STOPPED
    estate.listener.save()
    words = {each.word for each in get_group_health(estate.group).values()}
    assert words == {NOT_CHECKED}, "nobody checks the group for a listener that only redirects"


@pytest.mark.parametrize("port", [444, 80, 81])
def test_only_an_https_listener_that_is_there_can_be_redirected_to(actor, estate, recorder, port):
    with pytest.raises(Invalid) as refused:
        redirecting(actor, estate, redirect_port=port)
    assert refused.value.fields.keys() == {"redirect_port"}
    recorder.assert_nothing_happened()


def test_an_https_listener_of_another_instance_does_not_count(actor, estate):
    Listener.objects.create(
        load_balancer=estate.add_load_balancer("127.88.0.2"),
        protocol=Protocol.HTTPS,
        port=443,
        name="https",
    )
    with pytest.raises(Invalid):
        redirecting(actor, estate)


@pytest.mark.parametrize("port", [0, 65536, "abc", -1])
def test_a_bad_redirection_port_is_refused(actor, estate, recorder, port):
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=estate.listener, redirect_port=port)
    assert refused.value.fields.keys() == {"redirect_port"}
    recorder.assert_nothing_happened()


def test_redirection_may_be_turned_off_where_servers_are_known(actor, estate, https):
    listener = redirecting(actor, estate)
    with pytest.raises(Invalid) as refused:
        update_listener(actor=actor, listener=listener, redirect_port=None)
    assert refused.value.fields.keys() == {"backend_port"}
    changed = update_listener(actor=actor, listener=listener, redirect_port=None, backend_port=8080)
    assert not changed.redirects


def test_the_target_of_a_redirection_stays(actor, estate, https, recorder):
    """ListenerForwardExist of slb-rpc-api.md 5.6."""
    listener = redirecting(actor, estate)
    with pytest.raises(Conflict) as refused:
        delete_listener(actor=actor, listener=https)
    assert (refused.value.code, refused.value.details["listener"]) == (
        "redirect_in_use",
        listener.public_id,
    )
    assert Listener.objects.filter(pk=https.pk).exists()
    delete_listener(actor=actor, listener=listener)
    delete_listener(actor=actor, listener=https)
    assert not Listener.objects.filter(pk=https.pk).exists()
