"""What an instance may carry changes by a service of its own."""

import pytest

from balancer.exceptions import Conflict, Invalid
from balancer.services.specifications import change_billing, change_specification


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
