"""The request fields that listeners add (slb-rpc-api.md section 5.6), without sockets."""

import pytest

from proxy.core.added_fields import AddedFields
from proxy.core.generation import SERVED_PROTOCOLS
from proxy.snapshot import Listener, Protocol, SchedulerName

BLOCK = b"Host: a\r\nX-Forwarded-Proto: gopher\r\nx_forwarded-proto: x\r\nX-Kept: 1\r\n"


def added(protocol: Protocol = Protocol.HTTP, **options: bool) -> AddedFields:
    listener = Listener(
        id="lsn-1",
        protocol=protocol,
        port=443,
        group="rsp-1",
        backend_port=80,
        scheduler=SchedulerName.WEIGHTED_ROUND_ROBIN,
        health_check=None,
        connect_timeout_s=5,
        idle_timeout_s=15,
        request_timeout_s=60,
        **options,  # type: ignore[arg-type]
    )
    return AddedFields(listener, "lb-1", "192.0.2.1")


@pytest.mark.parametrize(("protocol", "word"), [("http", b"http"), ("https", b"https")])
def test_servers_hear_of_the_protocol_that_the_client_speaks(protocol, word):
    assert Protocol(protocol) in SERVED_PROTOCOLS
    block = added(Protocol(protocol), forwarded_proto=True).add_to(BLOCK, 1234)
    assert block == b"Host: a\r\nX-Kept: 1\r\nX-Forwarded-Proto: %b\r\n" % word


def test_all_fields_have_the_values_of_the_listener_and_the_client():
    fields = added(
        forwarded_port=True,
        forwarded_client_port=True,
        forwarded_instance_address=True,
        forwarded_instance_id=True,
    )
    assert fields.add_to(b"", 1234) == (
        b"X-Forwarded-Port: 443\r\nSLB-IP: 192.0.2.1\r\nSLB-ID: lb-1\r\n"
        b"X-Forwarded-Client-srcport: 1234\r\n"
    )


def test_without_options_the_block_stays():
    assert not added()
    assert added().add_to(BLOCK, 1) == BLOCK


def test_value_that_looks_like_a_field_stays():
    block = b"X-Note: SLB-ID: x\r\nXSLB-ID: y\r\nSLB-IDX: z\r\n"
    assert added(forwarded_instance_id=True).add_to(block, 1).startswith(block)
