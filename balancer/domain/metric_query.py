"""Reads what somebody asks of metrics: which, from when to when, and in how long steps; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from balancer.domain.metric_catalogue import (
    DAY_S,
    HOUR_S,
    LONGEST_KEPT_S,
    METRICS,
    PERIOD_S,
    TIERS,
    Metric,
    finest_period_s,
    metrics_of,
)
from balancer.domain.metrics import MetricSubject
from balancer.domain.numbers import read_integer
from balancer.exceptions import Invalid

MOST_POINTS: Final = 1500
"""Of each metric in one answer."""
LONGEST_STEP_S: Final = DAY_S
DEFAULT_LENGTH = timedelta(hours=1)
LATEST_UNTIL = timedelta(days=1)
"""From now; clocks differ, and some ask for a whole day."""
_CHOSEN_STEPS_S = (60, 300, 900, 1800, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, DAY_S)
_MOST_CHOSEN_POINTS = 400
"""Without a step in the question, a short one that makes no more than so many points is taken."""
_SHOWN_CHARACTERS = 60
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_LOST_PLUS = re.compile(r" (?=[0-9]{2}:[0-9]{2}$)")
"""A plus sign that came unescaped in an address is read as a blank."""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """What is asked for; all rules hold."""

    metrics: tuple[Metric, ...]
    since: datetime
    until: datetime
    step_s: int


class _Errors:
    """Gathers the errors of all parameters."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}

    def add(self, field: str, rule: str) -> None:
        self.fields.setdefault(field, []).append(rule)

    def stop_if_any(self) -> None:
        if self.fields:
            message = " ".join(rule for rules in self.fields.values() for rule in rules)
            raise Invalid("invalid_metrics_query", message, fields=self.fields)


def read_query(
    kind: MetricSubject, given: Mapping[str, Sequence[str]], *, now: datetime
) -> MetricQuery:
    """Return the question; raise Invalid that names each parameter, its rule and what was given.

    ``given`` has the values of each parameter, as often as it came.
    """
    errors = _Errors()
    metrics = _read_metrics(kind, given.get("metric", ()), errors)
    until = _read_moment("until", given, errors) or now
    since = _read_moment("since", given, errors) or _before(until)
    step_s = _read_step(given, errors)
    errors.stop_if_any()
    _check_span(since, until, now, errors)
    errors.stop_if_any()
    step_s = _fit_step(kind, since, until, step_s, now, errors)
    errors.stop_if_any()
    return MetricQuery(metrics, since, until, step_s)


def _before(until: datetime) -> datetime:
    return until - DEFAULT_LENGTH if until.year > 1 else until


def _read_metrics(kind: MetricSubject, texts: Sequence[str], errors: _Errors) -> tuple[Metric, ...]:
    names = dict.fromkeys(name.strip() for text in texts for name in text.split(","))
    if not texts:
        return metrics_of(kind)
    unknown = [name for name in names if name not in METRICS or kind not in METRICS[name].subjects]
    for name in unknown[:3]:
        noun = kind.replace("_", " ")
        rule = f"A {noun} has no metric of this name; GET /api/v1/metrics/ lists them"
        errors.add("metric", f"{rule}; given: {_shown(name)}.")
    return tuple(METRICS[name] for name in names if name not in unknown)


def _read_moment(
    field: str, given: Mapping[str, Sequence[str]], errors: _Errors
) -> datetime | None:
    text = _only(field, given, errors)
    if text is None:
        return None
    text = _LOST_PLUS.sub("+", text)
    try:
        if not _RFC_3339.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        rule = "Must be a time of RFC 3339 with its offset, such as 2026-01-31T12:00:00Z"
        errors.add(field, f"{rule}; given: {_shown(text)}.")
        return None


def _read_step(given: Mapping[str, Sequence[str]], errors: _Errors) -> int | None:
    text = _only("step", given, errors)
    if text is None:
        return None
    try:
        return read_integer(
            text, field="step", minimum=PERIOD_S, maximum=LONGEST_STEP_S, label="Step"
        )
    except Invalid as error:
        errors.add("step", error.message)
        return None


def _only(field: str, given: Mapping[str, Sequence[str]], errors: _Errors) -> str | None:
    texts = given.get(field, ())
    if len(texts) > 1:
        errors.add(field, f"Must be given once; given: {len(texts)} times.")
    return texts[0] if len(texts) == 1 else None


def _check_span(since: datetime, until: datetime, now: datetime, errors: _Errors) -> None:
    if until > now + LATEST_UNTIL:
        rule = f"Must not be later than {_text(now + LATEST_UNTIL)}, a day from now"
        errors.add("until", f"{rule}; given: {_text(until)}.")
    elif since >= until:
        rule = f"Must be before until, which is {_text(until)}"
        errors.add("since", f"{rule}; given: {_text(since)}.")
    elif finest_period_s(MetricSubject.LISTENER, (now - since).total_seconds()) is None:
        oldest = now - timedelta(seconds=LONGEST_KEPT_S)
        rule = f"Metrics are kept for 8 days: must not be before {_text(oldest)}"
        errors.add("since", f"{rule}; given: {_text(since)}.")


def _fit_step(
    kind: MetricSubject,
    since: datetime,
    until: datetime,
    step_s: int | None,
    now: datetime,
    errors: _Errors,
) -> int:
    period_s = finest_period_s(kind, (now - since).total_seconds()) or TIERS[kind][-1].period_s
    if step_s is None:
        fitting = [each for each in _CHOSEN_STEPS_S if each % period_s == 0]
        short = (each for each in fitting if _points(since, until, each) <= _MOST_CHOSEN_POINTS)
        step_s = next(short, LONGEST_STEP_S)
    if step_s % period_s:
        rule = f"Since {_text(since)} there are points of {period_s} s: must be a multiple of them"
        errors.add("step", f"{rule}; given: {step_s}.")
    elif (number := _points(since, until, step_s)) > MOST_POINTS:
        rule = f"An answer has at most {MOST_POINTS} points: take a longer step or a shorter time"
        errors.add("step", f"{rule}; with a step of {step_s} s there would be {number}.")
    return step_s


def _points(since: datetime, until: datetime, step_s: int) -> int:
    return int(-(-until.timestamp() // step_s) - since.timestamp() // step_s)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
