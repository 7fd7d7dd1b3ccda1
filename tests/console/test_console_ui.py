"""The drawing tags: what they show for people, screen readers and a strict policy."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from balancer.models import UserPreference
from console.frame import Frame
from console.templatetags.console_ui import ago, compact, moment, percent
from tests.console.markup import check_markup


def draw(text, **context):
    return Template("{% load console_ui %}" + text).render(Context(context))


def test_share_is_a_bar_without_a_style_attribute():
    text = draw("{% share 25.64 before=28.6 %}")
    assert "25.6 %" in text
    assert 'width="25.6"' in text
    assert "was 28.6 %" in text
    check_markup(text)


@pytest.mark.parametrize(
    ("word", "tone", "icon"),
    [
        ("Normal", "success", "#success"),
        ("Abnormal", "error", "#error"),
        ("Unavailable", "off", "#unknown"),
        ("Not checked", "off", "#off"),
        ("Something new", "off", "#unknown"),
    ],
)
def test_health_is_a_word_with_an_icon(word, tone, icon):
    """Colour is never the only sign (section 4.6)."""
    text = draw("{% health word %}", word=word)
    assert word in text
    assert f"is-{tone}" in text
    assert icon in text


def test_each_icon_is_drawn_once():
    with open(finders.find("img/icons.svg"), encoding="utf-8") as file:
        names = re.findall(r'<symbol id="([^"]+)"', file.read())
    assert len(names) > 40
    assert sorted(set(names)) == sorted(names)


def test_icon_is_decoration_unless_it_has_a_label():
    assert 'aria-hidden="true"' in draw('{% icon "copy" %}')
    labelled = draw('{% icon "copy" label=label %}', label="<b>")
    assert 'role="img" aria-label="&lt;b&gt;"' in labelled


def test_closed_banner_stays_away():
    request = RequestFactory().get("/")
    frame = Frame(request)
    frame.preference = UserPreference(closed_banners=["seen"])
    for key, shown in (("seen", False), ("new", True)):
        text = draw(
            f'{{% banner key="{key}" %}}Hello{{% endbanner %}}', frame=frame, request=request
        )
        assert ("Hello" in text) is shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.75, "0.75"), (3, "3"), (1234, "1,234"), (12300, "12.3 k"), (2.5e6, "2.5 M")],
)
def test_compact_figures(value, text):
    assert compact(value) == text


def test_times_are_iso_and_ages_have_one_unit():
    assert percent(50.0) == "50 %"
    at = datetime(2026, 11, 1, 11, 22, 7, tzinfo=UTC)
    assert 'datetime="2026-11-01T11:22:07+00:00"' in moment(at)
    assert ">2026-11-01 11:22<" in moment(at)
    assert moment(None) == "–"
    assert ago(timezone.now() - timedelta(seconds=200)) == "3 min"
