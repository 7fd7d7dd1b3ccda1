"""What names and descriptions may consist of (slb-rpc-api.md section 3.0)."""

import pytest

from balancer.domain.names import (
    check_description,
    check_group_name,
    check_listener_description,
    check_load_balancer_name,
    check_machine_name,
    check_protection_reason,
)
from balancer.exceptions import Invalid


@pytest.mark.parametrize(
    ("check", "name"),
    [
        pytest.param(check_load_balancer_name, "web", id="letters"),
        pytest.param(check_load_balancer_name, "w", id="one-character"),
        pytest.param(check_load_balancer_name, "a" * 80, id="eighty-characters"),
        pytest.param(check_load_balancer_name, "web-1.b_c", id="all-marks"),
        pytest.param(check_load_balancer_name, "负载均衡-1", id="chinese"),
        pytest.param(check_group_name, "k8s/80/api.v1_x-y", id="slashes-in-groups"),
        pytest.param(check_group_name, "80", id="digits-first-in-groups"),
        pytest.param(check_group_name, "后端组", id="chinese-group"),
        pytest.param(check_machine_name, "web 1 (old)", id="machines-may-have-spaces"),
    ],
)
def test_documented_names_are_kept_as_they_are(check, name):
    assert check(name) == name


def test_space_around_a_name_is_dropped():
    assert check_load_balancer_name("  web ") == "web"


@pytest.mark.parametrize(
    ("check", "name", "code"),
    [
        pytest.param(check_load_balancer_name, "", "required", id="empty"),
        pytest.param(check_load_balancer_name, "   ", "required", id="blank"),
        pytest.param(check_load_balancer_name, None, "required", id="none"),
        pytest.param(check_load_balancer_name, 5, "not_text", id="number"),
        pytest.param(check_load_balancer_name, "a" * 81, "too_long", id="eighty-one"),
        pytest.param(check_load_balancer_name, "1web", "bad_characters", id="digit-first"),
        pytest.param(check_load_balancer_name, "-web", "bad_characters", id="hyphen-first"),
        pytest.param(check_load_balancer_name, "_web", "bad_characters", id="underscore-first"),
        pytest.param(check_load_balancer_name, "we b", "bad_characters", id="space-inside"),
        pytest.param(check_load_balancer_name, "a/b", "bad_characters", id="slash"),
        pytest.param(check_load_balancer_name, "web<b>", "bad_characters", id="markup"),
        pytest.param(check_load_balancer_name, "web\nx", "bad_characters", id="newline"),
        pytest.param(check_load_balancer_name, "web\0", "bad_characters", id="nul"),
        pytest.param(check_group_name, "a b", "bad_characters", id="space-in-group"),
        pytest.param(check_machine_name, "<script>", "bad_characters", id="markup-in-machine"),
        pytest.param(check_machine_name, "a\tb", "bad_characters", id="tab-in-machine"),
    ],
)
def test_other_names_are_refused_with_the_rule(check, name, code):
    with pytest.raises(Invalid) as refused:
        check(name, "name")
    assert refused.value.code == code
    assert refused.value.fields.keys() == {"name"}


@pytest.mark.parametrize(
    ("check", "most"),
    [
        pytest.param(check_description, 80, id="server"),
        pytest.param(check_listener_description, 256, id="listener"),
        pytest.param(check_protection_reason, 80, id="protection"),
    ],
)
def test_descriptions_are_optional_and_bounded(check, most):
    assert check("") == ""
    assert check(None) == ""
    assert check("a" * most) == "a" * most
    with pytest.raises(Invalid):
        check("a" * (most + 1))
    with pytest.raises(Invalid):
        check("<b>")
