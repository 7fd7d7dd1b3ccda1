"""Metrics as JSON: which there are, and their values over time."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from balancer.domain.metric_catalogue import METRICS, TIERS, Statistic
from balancer.domain.metric_query import MetricQuery
from balancer.domain.metrics import MetricSubject
from balancer.selectors.metrics import Span

SUBJECTS = [each.value for each in MetricSubject]


class MetricSerializer(serializers.Serializer[Any]):
    """One metric: what it means and of what it can be had."""

    name = serializers.CharField()
    unit = serializers.CharField()
    description = serializers.CharField()
    statistic = serializers.ChoiceField(
        choices=[each.value for each in Statistic],
        help_text="What the value of a step is, made of the measured minutes in it.",
    )
    subjects = serializers.ListField(child=serializers.ChoiceField(choices=SUBJECTS))


class TierSerializer(serializers.Serializer[Any]):
    """How fine the points of a kind of subject are, and how long they are kept."""

    subject = serializers.ChoiceField(choices=SUBJECTS)
    period_s = serializers.IntegerField()
    kept_s = serializers.IntegerField()


class MetricsSerializer(serializers.Serializer[Any]):
    """All metrics, and how fine they are kept for how long."""

    results = MetricSerializer(many=True)
    tiers = TierSerializer(many=True)


class MetricValuesSerializer(serializers.Serializer[Any]):
    """The values of one metric, one for each of the times."""

    metric = serializers.ChoiceField(choices=list(METRICS))
    unit = serializers.CharField()
    statistic = serializers.ChoiceField(choices=[each.value for each in Statistic])
    values = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        help_text="null: nothing was measured in this step, or nobody knows.",
    )


class SeriesSerializer(serializers.Serializer[Any]):
    """Metrics of one subject over time."""

    subject = serializers.ChoiceField(choices=SUBJECTS)
    id = serializers.CharField()
    since = serializers.DateTimeField(help_text="The beginning of the first step.")
    until = serializers.DateTimeField(help_text="The end of the last step.")
    step = serializers.IntegerField(help_text="Seconds.")
    times = serializers.ListField(
        child=serializers.DateTimeField(), help_text="Where each step begins."
    )
    series = MetricValuesSerializer(many=True)


def all_metrics_facts() -> dict[str, Any]:
    """Return every metric as the serializer reads it."""
    return {
        "results": [
            {
                "name": each.name,
                "unit": each.unit,
                "description": each.description,
                "statistic": each.statistic.value,
                "subjects": [kind.value for kind in MetricSubject if kind in each.subjects],
            }
            for each in METRICS.values()
        ],
        "tiers": [
            {"subject": kind.value, "period_s": tier.period_s, "kept_s": tier.kept_s}
            for kind, tiers in TIERS.items()
            for tier in tiers
        ],
    }


def series_facts(
    subject: tuple[MetricSubject, str],
    query: MetricQuery,
    span: Span,
    values: Mapping[str, list[float | None]],
) -> dict[str, Any]:
    """Return the values of a subject's metrics as the serializer reads them."""
    kind, subject_id = subject
    return {
        "subject": kind.value,
        "id": subject_id,
        "since": span.since,
        "until": span.until,
        "step": span.step_s,
        "times": span.times,
        "series": [
            {
                "metric": each.name,
                "unit": each.unit,
                "statistic": each.statistic.value,
                "values": values[each.name],
            }
            for each in query.metrics
        ],
    }


def csv_text(query: MetricQuery, span: Span, values: Mapping[str, list[float | None]]) -> str:
    """Return the values as a table: a row for each step, an empty cell for no value."""
    out = io.StringIO()
    rows = csv.writer(out)
    names = [metric.name for metric in query.metrics]
    rows.writerow(["at", *names])
    for number, at in enumerate(span.times):
        rows.writerow(
            [at.strftime("%Y-%m-%dT%H:%M:%SZ"), *(values[name][number] for name in names)]
        )
    return out.getvalue()
