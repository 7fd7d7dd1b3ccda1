"""The Monitoring tab: figures of an instance as charts, or the plain word that none exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from balancer.domain.metric_catalogue import METRICS
from balancer.domain.metrics import MetricSubject
from balancer.rights import Right
from balancer.selectors.listeners import list_listeners
from balancer.selectors.metrics import Span, read_series
from balancer.selectors.server_groups import list_server_groups
from console.htmx import HtmxHttpRequest, render_page
from console.pages.instance_frame import find_load_balancer, instance_context

RANGES = (
    # value, label, how long, seconds of one step
    ("1h", "1 hour", timedelta(hours=1), 60),
    ("6h", "6 hours", timedelta(hours=6), 60),
    ("24h", "24 hours", timedelta(hours=24), 300),
    ("7d", "7 days", timedelta(days=7), 1800),
)
REFUSALS = (
    ("denied_per_s", "Access list"),
    ("over_connections_per_s", "Connections"),
    ("over_new_connections_per_s", "New connections"),
    ("over_requests_per_s", "Requests"),
)
"""What was turned away, by what turned it away."""
CHARTS = (
    # title, unit, (metric, label) for each line
    ("Requests per second", "/s", (("requests_per_s", "Requests"),)),
    ("New connections per second", "/s", (("connections_per_s", "New connections"),)),
    (
        "Open connections",
        "",
        (("active_connections", "Open"), ("active_connections_max", "Highest")),
    ),
    ("Traffic", "B/s", (("bytes_in_per_s", "In"), ("bytes_out_per_s", "Out"))),
    (
        "UDP packets per second",
        "/s",
        (
            ("packets_in_per_s", "In"),
            ("packets_out_per_s", "Out"),
            ("packets_dropped_per_s", "Dropped"),
            ("over_bandwidth_per_s", "Of these over the bandwidth"),
        ),
    ),
    (
        "Responses per second",
        "/s",
        tuple((f"responses_{first}xx_per_s", f"{first}xx") for first in range(2, 6)),
    ),
    ("Average response time", "ms", (("response_ms", "From request to end of answer"),)),
    (
        "Trouble with servers per second",
        "/s",
        (
            ("failures_per_s", "Failed attempts"),
            ("retries_per_s", "Retries"),
            ("own_answers_per_s", "Answered or closed by the proxy"),
        ),
    ),
    ("Turned away per second", "/s", REFUSALS),
    (
        "Servers by health",
        "",
        (("healthy_servers", "Normal"), ("unhealthy_servers", "Abnormal")),
    ),
)
PLOT_WIDTH = 600
PLOT_HEIGHT = 120
DASH_WIDTH = 4
GRID_LINES = 4


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    label: str
    path: str
    last: float
    points: Sequence[tuple[datetime, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart, ready to draw."""

    title: str
    unit: str
    series: Sequence[Series]
    ticks: Sequence[float]

    @property
    def rows(self) -> list[tuple[datetime, list[float | None]]]:
        """Return the same figures as a table, newest first."""
        columns = [dict(series.points) for series in self.series]
        times = sorted({at for column in columns for at in column}, reverse=True)
        return [(at, [column.get(at) for column in columns]) for at in times]


@login_required
@require_GET
def show_monitoring(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Show the charts of an instance, of one of its listeners or of one of its server groups."""
    load_balancer = find_load_balancer(request, Right.VIEW, region_id, load_balancer_id)
    listeners = list(list_listeners(user=request.user, load_balancer=load_balancer))
    groups = list(list_server_groups(user=request.user, load_balancer=load_balancer))
    subjects = {each.public_id: MetricSubject.LISTENER for each in listeners}
    subjects |= {each.public_id: MetricSubject.SERVER_GROUP for each in groups}
    scope = request.GET.get("scope", "")
    scope = scope if scope in subjects else load_balancer.public_id
    kind = subjects.get(scope, MetricSubject.LOAD_BALANCER)
    chosen = next((each for each in RANGES if each[0] == request.GET.get("range")), RANGES[0])
    until = timezone.now()
    since = until - chosen[2]
    context = {
        **instance_context(request, load_balancer, active_tab="load-balancer-monitoring"),
        "listeners": listeners,
        "groups": groups,
        "scope": scope,
        "ranges": RANGES,
        "chosen_range": chosen[0],
        "charts": charts_of(kind, scope, Span.around(since, until, chosen[3])),
        "csv_url": _csv_url(kind, scope, since, until, chosen[3]),
        "axis": [since + (until - since) * step / 4 for step in range(5)],
    }
    fragments = {"monitoring": "load_balancers/_monitoring.html"}
    return render_page(request, "load_balancers/monitoring.html", context, fragments=fragments)


def _csv_url(
    kind: MetricSubject, subject_id: str, since: datetime, until: datetime, step_s: int
) -> str:
    """Return where the figures of the charts are to be had as a table."""
    noun = kind.replace("_", "-")
    query = {"format": "csv", "step": str(step_s)}
    query |= {"since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
    return f"{reverse(f'api-{noun}-metrics', args=[subject_id])}?{urlencode(query)}"


def charts_of(kind: MetricSubject, subject_id: str, span: Span) -> list[Chart]:
    """Return the charts of what is measured of a kind; one without points has no series."""
    charts = [
        (title, unit, [line for line in lines if kind in METRICS[line[0]].subjects])
        for title, unit, lines in CHARTS
    ]
    metrics = [METRICS[name] for _, _, lines in charts for name, _ in lines]
    values = read_series(kind, subject_id, metrics, span)
    points = {
        name: [
            (at, value) for at, value in zip(span.times, found, strict=True) if value is not None
        ]
        for name, found in values.items()
    }
    return [_chart(title, unit, lines, points, span) for title, unit, lines in charts if lines]


def _chart(
    title: str,
    unit: str,
    lines: Sequence[tuple[str, str]],
    points: Mapping[str, Sequence[tuple[datetime, float]]],
    span: Span,
) -> Chart:
    found = [(label, points[metric]) for metric, label in lines if points.get(metric)]
    highest = max((value for _, values in found for _, value in values), default=0.0)
    top = nice_ceiling(highest)
    series = [
        Series(label, _path(values, span.since, span.until, top), values[-1][1], values)
        for label, values in found
    ]
    ticks = [top * step / GRID_LINES for step in range(GRID_LINES, -1, -1)]
    return Chart(title, unit, series, ticks)


def nice_ceiling(highest: float) -> float:
    """Return the next round figure (1, 2, 5, 10 ...) that is not below the highest value."""
    if highest <= 0:
        return 1.0
    size = 1.0
    while size < highest:
        size *= 10
    while size / 10 >= highest:
        size /= 10
    return next(size * part for part in (0.1, 0.2, 0.5, 1.0) if size * part >= highest)


def _path(
    values: Sequence[tuple[datetime, float]], since: datetime, until: datetime, top: float
) -> str:
    """Return the line as an SVG path; a gap of three periods lifts the pen.

    A figure between two gaps has no line to be seen by: it is a short dash.
    """
    span = (until - since).total_seconds()
    steps = [
        (later[0] - earlier[0]).total_seconds()
        for earlier, later in zip(values, values[1:], strict=False)
    ]
    widest = 3 * min(steps, default=span)
    gaps = [True, *(step > widest for step in steps), True]
    parts = []
    for number, (at, value) in enumerate(values):
        x = PLOT_WIDTH * (at - since).total_seconds() / span
        y = PLOT_HEIGHT * (1 - value / top)
        if gaps[number] and gaps[number + 1]:
            parts.append(f"M{x - DASH_WIDTH / 2:.1f} {y:.1f}h{DASH_WIDTH}")
        else:
            parts.append(f"{'M' if gaps[number] else 'L'}{x:.1f} {y:.1f}")
    return "".join(parts)
