"""Users, API tokens and access keys as JSON; a secret appears once, in the answer that made it."""

from typing import Any

from rest_framework import serializers

from balancer.api.serializers.base import Input
from balancer.api.serializers.fields import Flag, Text
from balancer.models import AccessKey, ApiToken
from balancer.services.credentials import MAX_TOKEN_NAME_CHARACTERS


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token, without its text."""

    id = serializers.CharField(source="public_id", read_only=True)
    user = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = ApiToken
        fields = ["id", "name", "hint", "user", "is_active", "created_at", "last_used_at"]
        read_only_fields = fields


class NewApiToken(Input):
    """A token to make for the caller, or by an administrator for somebody else."""

    name = Text(max_length=MAX_TOKEN_NAME_CHARACTERS)
    user = Text(max_length=150, required=False, help_text="User name; the caller if left out.")


class ApiTokenSecret(ApiTokenSerializer):
    """A fresh token with its text."""

    secret = serializers.CharField(read_only=True)

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class AccessKeySerializer(serializers.ModelSerializer[AccessKey]):
    """A key pair, without its secret."""

    id = serializers.CharField(source="key_id", read_only=True)
    user = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = AccessKey
        fields = ["id", "user", "is_active", "created_at", "last_used_at"]
        read_only_fields = fields


class NewAccessKey(Input):
    """A key pair to make for the caller, or by an administrator for somebody else."""

    user = Text(max_length=150, required=False, help_text="User name; the caller if left out.")


class AccessKeyChange(Input):
    """Whether the key is accepted."""

    is_active = Flag()


class AccessKeySecret(AccessKeySerializer):
    """A fresh key pair with its secret."""

    secret = serializers.CharField(read_only=True)

    class Meta(AccessKeySerializer.Meta):
        fields = [*AccessKeySerializer.Meta.fields, "secret"]
        read_only_fields = fields


class MeSerializer(serializers.Serializer[Any]):
    """Who is calling and what they may do."""

    username = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    rights = serializers.ListField(child=serializers.CharField())
