"""What every REST view shares: who may call, how input is read, how rows are answered."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import status
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from balancer.actors import Actor
from balancer.api import dry_run, idempotency
from balancer.api.etags import check_same, expected_edit_number, is_known, tag_of
from balancer.api.filters import KnownParameters, Ordering, Search
from balancer.api.negotiation import JsonOnly
from balancer.api.parsers import LengthRequired
from balancer.api.permissions import RoleRights
from balancer.api.schema import ApiSchema
from balancer.api.throttling import CallerThrottle
from balancer.choices import Entrance
from balancer.exceptions import Invalid
from balancer.models import IdempotencyKey
from balancer.models.base import EditedModel
from balancer.rights import Right

LIST_FILTERS = [DjangoFilterBackend, Search, Ordering, KnownParameters]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9_.-]{0,79}"


class ApiView(APIView):
    """A view of the API: JSON in and out, a role's rights, no answer to OPTIONS but 405."""

    permission_classes = [RoleRights]
    content_negotiation_class = JsonOnly
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    schema = ApiSchema()
    write_right: ClassVar[Right] = Right.CHANGE
    throttle_classes = [CallerThrottle]
    acts_with_secrets: ClassVar[frozenset[str]] = frozenset()
    """Acts whose answer holds what must not be stored, so that no key can repeat it."""
    tells_of_others: ClassVar[bool] = False
    """Whether a row is shown with values of other rows, which its edit number knows nothing of."""
    has_etag: bool = False
    """Whether the address names one row: acts look at If-Match."""
    idempotency: IdempotencyKey | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer the request; acts may be tried without effect, or repeated without another."""
        act: Callable[[], Any] = partial(super().dispatch, request, *args, **kwargs)
        if request.method in SAFE_METHODS:
            return act()
        if request.GET.get(dry_run.PARAMETER) == "true":
            return dry_run.run_dry(act)
        if idempotency.HEADER in request.headers:
            return idempotency.run_once(act, self)
        return act()

    def get_throttles(self) -> list[Any]:
        """Return the throttle, and remember it: the answer's header fields tell of it."""
        self._throttles = super().get_throttles()
        return self._throttles

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Say in every answer how many requests are left."""
        for throttle in getattr(self, "_throttles", ()):
            for name, value in throttle.headers.items():
                response[name] = value
        return super().finalize_response(request, response, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a repeated request as before, and a refusal as a problem."""
        if isinstance(exc, idempotency.Replayed):
            return exc.response
        return super().handle_exception(exc)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who calls first, then that the body is of a type somebody can read."""
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE_METHODS:
            self._check_options_of_act(request)
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
        has_body = (request.META.get("CONTENT_LENGTH") or "0") != "0"
        if request.method not in BODY_METHODS or not has_body:
            return
        assert request.negotiator is not None, "super() has set it"
        if request.negotiator.select_parser(request, request.parsers or ()) is None:
            raise UnsupportedMediaType(request.content_type or "none")

    def _check_options_of_act(self, request: Request) -> None:
        is_dry = dry_run.asks_dry_run(request._request)
        if idempotency.HEADER in request.headers:
            idempotency.check_key(request, answers_secrets=self.answers_secrets)
            if not is_dry:
                self.idempotency = idempotency.begin(request)
        if "If-Match" in request.headers and not self.has_etag:
            rule = "If-Match cannot be used here: nothing at this address has an ETag."
            raise Invalid("invalid_header", rule, fields={"If-Match": [rule]})

    @property
    def answers_secrets(self) -> bool:
        """Tell whether this act's answer holds what must not be stored."""
        return getattr(self, "action", None) in self.acts_with_secrets

    def check_seen(self) -> None:
        """Raise NotFound when the address names a row that the caller may not see."""

    @property
    def actor(self) -> Actor:
        """Return who makes the change."""
        assert self.request.user.is_authenticated, "the permission asked already"
        return Actor.person(self.request.user, Entrance.REST)

    def read(self, serializer_class: type[BaseSerializer[Any]], **options: Any) -> dict[str, Any]:
        """Return the values of the body, or raise the errors of all its fields."""
        # A request without a body reads as an empty form; every act takes an empty object.
        given = self.request.data
        body = {} if isinstance(given, QueryDict) else given
        serializer = serializer_class(data=body, **options)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def show(
        self,
        serializer_class: type[BaseSerializer[Any]],
        subject: Any,
        *,
        status_code: int = status.HTTP_200_OK,
        **options: Any,
    ) -> Response:
        """Return the answer that shows something, with its ETag when it is an edited row."""
        body = serializer_class(subject, context={"request": self.request}, **options).data
        headers = {}
        if isinstance(subject, Model):
            headers["ETag"] = tag_of(subject, body, tells_of_others=self.tells_of_others)
            if self.request.method in SAFE_METHODS and is_known(self.request, headers["ETag"]):
                return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(body, status=status_code, headers=headers)


class ResourceViewSet(ApiView, GenericViewSet[Any]):
    """Lists and shows rows of one kind; subclasses say how to find them and what can be done."""

    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = ID_PATTERN
    change_serializer_class: ClassVar[type[BaseSerializer[Any]] | None] = None
    filter_backends = LIST_FILTERS

    @property
    def has_etag(self) -> bool:  # type: ignore[override]  # no class sets it
        """Tell whether the address names one row."""
        return bool(self.detail)

    def find(self, right: Right) -> Any:
        """Return the row that the address names, through a selector."""
        raise NotImplementedError

    def check_seen(self) -> None:
        """Look the row up."""
        if self.lookup_url_kwarg in self.kwargs:
            self.find(Right.VIEW)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """Return the shape of the input of this act."""
        if self.action == "partial_update" and self.change_serializer_class is not None:
            return self.change_serializer_class
        return super().get_serializer_class()

    def list(self, request: Request, **kwargs: Any) -> Response:
        """List what the caller may see, page by page."""
        return self.page_of(self.filter_queryset(self.get_queryset()), self.serializer_class)

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """Show one, with its ETag."""
        return self.answer(self.find(Right.VIEW))

    def page_of(
        self, rows: QuerySet[Any], serializer_class: type[BaseSerializer[Any]] | None
    ) -> Response:
        """Return one page of rows."""
        assert serializer_class is not None, "every view names its serializer"
        page = self.paginate_queryset(rows)
        serializer = serializer_class(page, many=True, context={"request": self.request})
        return self.get_paginated_response(serializer.data)

    def answer(self, subject: Model, status_code: int = status.HTTP_200_OK) -> Response:
        """Return the answer that shows a row of this kind."""
        assert self.serializer_class is not None, "every view names its serializer"
        return self.show(self.serializer_class, subject, status_code=status_code)

    def created(self, subject: Model) -> Response:
        """Return the answer to a creation."""
        return self.locate(self.answer(subject, status.HTTP_201_CREATED))

    def locate(self, answer: Response) -> Response:
        """Return the answer to a creation with the address of what was created."""
        answer["Location"] = f"{self.request.path.rstrip('/')}/{answer.data['id']}/"
        return answer

    def changes(self) -> dict[str, Any]:
        """Return what a PATCH names."""
        assert self.change_serializer_class is not None, "a view that changes says what"
        return self.read(self.change_serializer_class, partial=True)

    def expected(self, subject: Model) -> int | None:
        """Return the edit number that If-Match asks for; refuse it for a row that has changed."""
        if isinstance(subject, EditedModel):
            return expected_edit_number(self.request, subject)
        assert self.serializer_class is not None, "every view names its serializer"
        serializer = self.serializer_class(subject, context={"request": self.request})
        check_same(self.request, subject, tag_of(subject, serializer.data))
        return None


def gone() -> Response:
    """Return the answer to a deletion."""
    return Response(status=status.HTTP_204_NO_CONTENT)
