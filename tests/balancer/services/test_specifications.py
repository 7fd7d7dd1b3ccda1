"""What an instance may carry changes by a service of its own."""

import pytest

from balancer.exceptions import Conflict, Invalid, Stale
from balancer.services.listeners import update_listener
from balancer.services.specifications import (
    change_bandwidth,
    change_billing,
    change_specification,
)
from balancer.snapshot.compiler import compile_snapshot


def test_specification_changes_and_is_published(estate, actor, recorder):
    change_specification(
        actor=actor, load_balancer=estate.load_balancer, specification="slb.s2.small"
    )
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.specification == "slb.s2.small"
    assert (recorder.entry().before, recorder.entry().after) == ("", "slb.s2.small")
    assert recorder.published == 1


def test_unknown_specification_and_the_way_back_are_refused(estate, actor, recorder):
    with pytest.raises(Invalid):
        change_specification(actor=actor, load_balancer=estate.load_balancer, specification="x")
    recorder.assert_nothing_happened()
    change_specification(
        actor=actor, load_balancer=estate.load_balancer, specification="slb.s2.small"
    )
    with pytest.raises(Conflict):
        change_specification(actor=actor, load_balancer=estate.load_balancer, specification="")


def test_billing_is_kept_and_changes_nothing_else(estate, actor, recorder):
    for _ in range(2):
        change_billing(
            actor=actor, load_balancer=estate.load_balancer, changes={"pay_type": "PrePay"}
        )
    estate.load_balancer.refresh_from_db()
    assert estate.load_balancer.billing == {"pay_type": "PrePay"}
    assert recorder.entry().action == "load_balancer.billing_changed"
    assert recorder.published == 0


def limit_of(load_balancer) -> int | None:
    """Return the bandwidth that the proxies are told."""
    load_balancer.refresh_from_db()
    return compile_snapshot(load_balancer, version=1).limits.bandwidth_mbps


def test_a_bandwidth_limits_what_is_billed_by_it(estate, actor, recorder):
    """slb-rpc-api.md 3.1: Bandwidth is for paybybandwidth only; clients send it always."""
    balancer = estate.load_balancer
    steps = [
        ({"internet_charge_type": "paybytraffic", "bandwidth_mbps": 5}, None),
        ({"internet_charge_type": "paybybandwidth"}, 5),
        ({"bandwidth_mbps": 7}, 7),
        ({"bandwidth_mbps": -1}, None),
        ({"bandwidth_mbps": 9}, 9),
        ({"internet_charge_type": "paybytraffic"}, None),
    ]
    for changes, limit in steps:
        change_billing(actor=actor, load_balancer=balancer, changes=changes)
        assert limit_of(balancer) == limit, changes
    assert recorder.published == 5, "each change of what is in force, and no other"


def test_a_bandwidth_of_a_person_is_told_as_billing_and_lifted(estate, actor, recorder):
    balancer = estate.load_balancer
    for _ in range(2):
        change_bandwidth(actor=actor, load_balancer=balancer, bandwidth_mbps="20")
    assert limit_of(balancer) == 20
    assert balancer.billing == {"internet_charge_type": "paybybandwidth", "bandwidth_mbps": 20}
    assert recorder.published == 1
    change_bandwidth(actor=actor, load_balancer=balancer, bandwidth_mbps=-1)
    assert limit_of(balancer) is None
    assert balancer.billing["internet_charge_type"] == "paybytraffic"


@pytest.mark.parametrize("value", [0, 5121, -2, "", None, "abc", 1.5, True, "+5"])
def test_a_bandwidth_beyond_the_range_is_refused(estate, actor, recorder, value):
    """slb-rpc-api.md 3.0: -1 or 1 to 5120 Mbit/s."""
    with pytest.raises(Invalid) as refused:
        change_bandwidth(actor=actor, load_balancer=estate.load_balancer, bandwidth_mbps=value)
    assert refused.value.fields.keys() == {"bandwidth_mbps"}
    recorder.assert_nothing_happened()


def test_listeners_keep_what_they_have(estate, actor, recorder):
    """slb-rpc-api.md 3.2: the sum over listeners is at most the instance's."""
    update_listener(actor=actor, listener=estate.listener, bandwidth_mbps=6)
    published = recorder.published
    balancer = estate.load_balancer
    with pytest.raises(Invalid, match="have 6 Mbit/s together"):
        change_bandwidth(actor=actor, load_balancer=balancer, bandwidth_mbps=5)
    assert recorder.published == published
    change_bandwidth(actor=actor, load_balancer=balancer, bandwidth_mbps=6)
    assert limit_of(balancer) == 6


def test_a_stale_bandwidth_changes_nothing(estate, actor, recorder):
    balancer = estate.load_balancer
    with pytest.raises(Stale):
        change_bandwidth(
            actor=actor,
            load_balancer=balancer,
            bandwidth_mbps=5,
            expected=balancer.edit_number + 1,
        )
    recorder.assert_nothing_happened()
