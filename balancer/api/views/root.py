"""The first address of the API, the addresses that lead nowhere, and the schema's pages."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.views.base import ApiView

NOUNS = [
    "region",
    "zone",
    "vpc",
    "vswitch",
    "ecs-instance",
    "network-interface",
    "idc-server",
    "load-balancer",
    "listener",
    "forwarding-rule",
    "server-group",
    "backend-server",
    "access-list",
    "certificate",
    "tag",
    "activity",
    "health-flip",
    "metric",
    "proxy",
    "token",
    "access-key",
]


class RootView(ApiView):
    """The list of nouns."""

    @extend_schema(exclude=True)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Show where each noun is."""
        links = {noun: reverse(f"api-{noun}-list") for noun in NOUNS}
        return Response(links | {"me": reverse("api-me"), "schema": reverse("api-schema")})


class NothingHere(ApiView):
    """Any other address, for any method."""

    permission_classes = [AllowAny]
    authentication_classes = []

    schema = None  # type: ignore[assignment]  # this is how the schema leaves a view out

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse."""
        raise Http404


class SchemaView(SpectacularAPIView):
    """The OpenAPI document; JSON unless YAML is asked for."""

    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    ]


@require_safe
@ensure_csrf_cookie
def show_docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document as a page to read and to try calls from."""
    return render(request, "api/docs.html", {"schema_url": reverse("api-schema")})
