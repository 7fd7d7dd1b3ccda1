"""A listener's health check as the proxies and the checkers know it."""

from dataclasses import replace

from balancer.models.listener import HealthCheckSettings
from proxy.snapshot import CheckKind, HealthCheck


def compile_check(settings: HealthCheckSettings) -> HealthCheck | None:
    """Return how the servers are probed, None when checks are off."""
    if not settings.check_enabled:
        return None
    check = HealthCheck(
        kind=CheckKind(settings.check_kind),
        interval_s=settings.check_interval_s,
        timeout_s=settings.check_timeout_s,
        healthy_threshold=settings.check_healthy_threshold,
        unhealthy_threshold=settings.check_unhealthy_threshold,
        port=settings.check_port,
    )
    # Fields of other kinds stay at their defaults, so that they cannot split one probe into two.
    if check.kind is CheckKind.UDP:
        return replace(
            check,
            request=settings.check_request,
            expected_answer=settings.check_expected_answer,
        )
    if check.kind is not CheckKind.HTTP:
        return check
    return replace(
        check,
        method=settings.check_method,
        path=settings.check_path,
        host=settings.check_host,
        expected_classes=_read_classes(settings.check_expected_classes),
    )


def _read_classes(text: str) -> tuple[int, ...]:
    """Return the first digits in ``2,3`` or ``http_2xx,http_3xx``, in order."""
    return tuple(sorted({int(digit) for digit in text if digit in "12345"}))
