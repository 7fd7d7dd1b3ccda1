"""Metrics over time of whatever is measured, and the list of all metrics."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.serializers.metrics import (
    MetricsSerializer,
    SeriesSerializer,
    all_metrics_facts,
    csv_text,
    series_facts,
)
from balancer.api.views.base import ApiView, ResourceViewSet
from balancer.domain.metric_catalogue import PERIOD_S, metrics_of
from balancer.domain.metric_query import LONGEST_STEP_S, MOST_POINTS, MetricQuery, read_query
from balancer.domain.metrics import MetricSubject
from balancer.rights import Right
from balancer.selectors.metrics import Span, read_series

V = TypeVar("V", bound=type[ResourceViewSet])
FORMATS = ("json", "csv")
KNOWN_PARAMETERS = ("format", "metric", "since", "step", "until")
CSV_TYPE = "text/csv"


class MetricsView(ApiView):
    """All metrics."""

    @extend_schema(responses=MetricsSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """List every metric with its unit and meaning, and how long points are kept."""
        _refuse_unknown(request, ())
        return self.show(MetricsSerializer, all_metrics_facts())


class WithMetrics(ResourceViewSet):
    """Adds ``metrics/`` to rows of a kind that is measured."""

    metric_subject: ClassVar[MetricSubject]

    @action(methods=["get"], detail=True, filter_backends=[], pagination_class=None)
    def metrics(self, request: Request, **kwargs: Any) -> Response | HttpResponse:
        """Show metrics over time: an average for each step, or the highest value where named so.

        A step in which nothing was measured has no value; one without traffic has 0. Steps begin at
        multiples of their length.
        """
        subject = (self.metric_subject, self.find(Right.VIEW).public_id)
        _refuse_unknown(request, KNOWN_PARAMETERS)
        wants_csv = _wants_csv(request)
        given = dict(request.query_params.lists())
        query = read_query(self.metric_subject, given, now=timezone.now())
        span = Span.around(query.since, query.until, query.step_s)
        values = read_series(*subject, query.metrics, span)
        if wants_csv:
            return _csv_answer(subject[1], query, span, values)
        return self.show(SeriesSerializer, series_facts(subject, query, span, values))


def measured(kind: MetricSubject) -> Callable[[V], V]:
    """Return a class decorator that says what kind is measured, also in the schema."""

    def decorate(view: V) -> V:
        described: V = extend_schema_view(
            metrics=extend_schema(
                parameters=_parameters(kind),
                responses={
                    (200, "application/json"): SeriesSerializer,
                    (200, CSV_TYPE): OpenApiTypes.STR,
                },
            )
        )(view)
        return described

    return decorate


def _parameters(kind: MetricSubject) -> list[OpenApiParameter]:
    names = [metric.name for metric in metrics_of(kind)]
    step = {"type": "integer", "minimum": PERIOD_S, "maximum": LONGEST_STEP_S}
    return [
        OpenApiParameter(
            "metric",
            OpenApiTypes.STR,
            enum=names,
            many=True,
            description="Names, also several in one, with commas between; all metrics without it.",
        ),
        OpenApiParameter(
            "since",
            OpenApiTypes.DATETIME,
            description="At most 8 days ago; an hour before until without it.",
        ),
        OpenApiParameter("until", OpenApiTypes.DATETIME, description="Now without it."),
        OpenApiParameter(
            "step",
            step,
            description=(
                "Seconds; a multiple of the period of the points that reach back to since. At most "
                f"{MOST_POINTS} steps in one answer. Without it one is chosen."
            ),
        ),
        OpenApiParameter("format", OpenApiTypes.STR, enum=FORMATS, description="json without it."),
    ]


def _refuse_unknown(request: Request, known: tuple[str, ...]) -> None:
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        rule = f"Unknown parameter. Known here: {', '.join(known) or 'none'}."
        raise ValidationError({name[:80]: [rule] for name in unknown})


def _wants_csv(request: Request) -> bool:
    given = request.query_params.getlist("format")
    if not given:
        accepted = request.headers.get("Accept", "").partition(",")[0]
        return accepted.partition(";")[0].strip().lower() == CSV_TYPE
    if len(given) > 1 or given[0] not in FORMATS:
        raise ValidationError(
            {"format": [f"Choose from: {', '.join(FORMATS)}; given: {', '.join(given)[:80]}."]}
        )
    return given[0] == "csv"


def _csv_answer(
    subject_id: str, query: MetricQuery, span: Span, values: dict[str, list[float | None]]
) -> HttpResponse:
    answer = HttpResponse(csv_text(query, span, values), content_type=f"{CSV_TYPE}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{subject_id}.csv"'
    return answer
