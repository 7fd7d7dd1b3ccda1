"""API tokens, access keys, and who the caller is."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import ResourceFilter
from balancer.api.serializers.credentials import (
    AccessKeyChange,
    AccessKeySecret,
    AccessKeySerializer,
    ApiTokenSecret,
    ApiTokenSerializer,
    MeSerializer,
    NewAccessKey,
    NewApiToken,
)
from balancer.api.views.base import ApiView, ResourceViewSet, gone
from balancer.models import AccessKey, ApiToken
from balancer.rights import Right, rights_of
from balancer.selectors.credentials import (
    get_access_key,
    get_api_token,
    get_credential_owner,
    list_access_keys,
    list_api_tokens,
)
from balancer.services.credentials import (
    create_access_key,
    create_api_token,
    delete_access_key,
    disable_access_key,
    enable_access_key,
    revoke_api_token,
)


class CredentialViewSet(ResourceViewSet):
    """What tokens and access keys have in common: making one answers with its secret."""

    acts_with_secrets = frozenset({"create"})


class CredentialFilter(ResourceFilter):
    """What tokens and access keys can be narrowed by."""

    user = django_filters.CharFilter("user__username", help_text="Whose.")
    is_active = django_filters.ChoiceFilter(
        choices=[("true", "accepted"), ("false", "not accepted")],
        method="of_use",
        help_text="Whether it is accepted.",
    )

    @extend_schema_field(bool)
    def of_use(self, rows: QuerySet[Any], name: str, word: str) -> QuerySet[Any]:
        """Return those that are accepted, or the others."""
        return rows.filter(is_active=word == "true")


class ApiTokenViewSet(CredentialViewSet):
    """Tokens for this API: one's own, and everybody's for administrators."""

    serializer_class = ApiTokenSerializer
    filterset_class = CredentialFilter
    queryset = ApiToken.objects.none()
    lookup_field = "digest"
    search_fields = ["name", "user__username"]
    ordering_fields = ["name", "created_at"]

    def get_queryset(self) -> QuerySet[ApiToken]:
        """Return what the caller may see."""
        return list_api_tokens(user=self.request.user)

    def find(self, right: Right) -> ApiToken:
        """Return the token that the address names."""
        return get_api_token(user=self.request.user, right=right, token_id=self.kwargs["id"])

    @extend_schema(request=NewApiToken, responses={201: ApiTokenSecret})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Make a token; its text is in this answer and nowhere else."""
        values = self.read(NewApiToken)
        owner = get_credential_owner(user=request.user, username=values.get("user"))
        token, secret = create_api_token(actor=self.actor, user=owner, name=values["name"])
        token.secret = secret  # type: ignore[attr-defined]
        return self.locate(self.show(ApiTokenSecret, token, status_code=201))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Make a token useless for good."""
        token = self.find(Right.CHANGE)
        self.expected(token)
        revoke_api_token(actor=self.actor, token=token)
        return gone()


class AccessKeyViewSet(CredentialViewSet):
    """Key pairs for the signed RPC API."""

    serializer_class = AccessKeySerializer
    filterset_class = CredentialFilter
    change_serializer_class = AccessKeyChange
    queryset = AccessKey.objects.none()
    lookup_field = "key_id"
    search_fields = ["key_id", "user__username"]
    ordering_fields = ["created_at"]

    def get_queryset(self) -> QuerySet[AccessKey]:
        """Return what the caller may see."""
        return list_access_keys(user=self.request.user)

    def find(self, right: Right) -> AccessKey:
        """Return the key that the address names."""
        return get_access_key(user=self.request.user, right=right, key_id=self.kwargs["id"])

    @extend_schema(request=NewAccessKey, responses={201: AccessKeySecret})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Make a key pair; its secret is in this answer and nowhere else."""
        username = self.read(NewAccessKey).get("user")
        owner = get_credential_owner(user=request.user, username=username)
        key, secret = create_access_key(actor=self.actor, user=owner)
        key.secret = secret  # type: ignore[attr-defined]
        return self.locate(self.show(AccessKeySecret, key, status_code=201))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Disable or enable a key."""
        key = self.find(Right.CHANGE)
        self.expected(key)
        is_active = self.changes().get("is_active", key.is_active)
        switch = enable_access_key if is_active else disable_access_key
        return self.answer(switch(actor=self.actor, key=key))

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a key that is disabled; it cannot come back."""
        key = self.find(Right.CHANGE)
        self.expected(key)
        delete_access_key(actor=self.actor, key=key)
        return gone()


class MeView(ApiView):
    """The caller; whoever has no role yet may learn that."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Show who is calling and what they may do."""
        facts = {
            "username": request.user.get_username(),
            "roles": sorted(request.user.groups.values_list("name", flat=True)),
            "rights": sorted(rights_of(request.user)),
        }
        return self.show(MeSerializer, facts)
