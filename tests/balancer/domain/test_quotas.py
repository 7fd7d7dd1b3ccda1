"""Limits: their values, their override, and the refusal that names them."""

import pytest

from balancer.constants import DEFAULT_LIMITS
from balancer.domain.quotas import check_quota, configure_limits, limit
from balancer.exceptions import QuotaExceeded

LISTENERS = "listeners_per_load_balancer"


@pytest.fixture
def restored():
    """Put the default limits back."""
    yield
    configure_limits(DEFAULT_LIMITS)


def test_documented_limits():
    """S15 and console-ui.md section 6."""
    assert limit(LISTENERS) == 50
    assert limit("servers_per_load_balancer") == 200
    assert limit("load_balancers_per_server") == 50
    assert limit("servers_per_call") == 20


def test_the_last_place_can_be_taken():
    check_quota(LISTENERS, current=49, requested=1, what="listeners")


def test_one_more_is_refused_with_the_numbers():
    with pytest.raises(QuotaExceeded) as refused:
        check_quota(LISTENERS, current=50, requested=1, what="listeners on web")
    assert refused.value.details == {
        "limit": 50,
        "current": 50,
        "requested": 1,
        "quota": LISTENERS,
    }
    assert "At most 50 listeners on web" in refused.value.message


@pytest.mark.usefixtures("restored")
def test_an_installation_sets_its_own_limits():
    configure_limits({LISTENERS: 2})
    assert limit(LISTENERS) == 2
    assert limit("servers_per_load_balancer") == 200


def test_an_unknown_limit_is_a_mistake():
    with pytest.raises(KeyError):
        configure_limits({"listeners": 2})
