"""What programs identify themselves with, and what protects them from saying a thing twice."""

from django.conf import settings
from django.db import models

TOKEN_ID_PREFIX = "tok-"
TOKEN_ID_CHARACTERS = 20


class AccessKey(models.Model):
    """A key pair for the signed RPC API; the secret is stored encrypted, for signing needs it."""

    key_id = models.CharField("ID", max_length=40, unique=True)
    encrypted_secret = models.TextField(editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_keys"
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.key_id

    @property
    def public_id(self) -> str:
        """Return the id that may leave the process."""
        return self.key_id


class ApiToken(models.Model):
    """A token for the REST API; only its SHA-256 digest is stored."""

    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField("begins with", max_length=8, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def public_id(self) -> str:
        """Return enough of the digest to name the token, and nothing that helps to guess it."""
        return TOKEN_ID_PREFIX + self.digest[:TOKEN_ID_CHARACTERS]


class RequestNonce(models.Model):
    """A nonce that a signed request used; a second use within its lifetime is a replay."""

    key_id = models.CharField(max_length=40)
    nonce = models.CharField(max_length=128)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(fields=["key_id", "nonce"], name="nonce_used_once_per_key")
        ]
        indexes = [models.Index(fields=["at"], name="request_nonce_by_time")]

    def __str__(self) -> str:
        return self.nonce


class IdempotencyKey(models.Model):
    """A client's own name for a request, with the answer it got: same key, same answer."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="idempotency_keys"
    )
    scope = models.CharField(max_length=80)
    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "scope", "key"], name="idempotency_key_once_per_user"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_by_time")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
