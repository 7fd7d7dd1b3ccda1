"""Key and value pairs on any resource that can carry them."""

from django.db import models

from balancer.choices import TaggedResource
from balancer.constants import MAX_TAG_KEY_CHARACTERS, MAX_TAG_VALUE_CHARACTERS


class Tag(models.Model):
    """One tag of one resource; a key occurs once on a resource."""

    resource_type = models.CharField(max_length=30, choices=TaggedResource.choices)
    resource_id = models.CharField(max_length=80)
    key = models.CharField(max_length=MAX_TAG_KEY_CHARACTERS)
    value = models.CharField(max_length=MAX_TAG_VALUE_CHARACTERS, blank=True)

    class Meta:
        ordering = ["resource_type", "resource_id", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource_type", "resource_id", "key"], name="one_value_per_tag_key"
            )
        ]
        indexes = [models.Index(fields=["resource_type", "key", "value"], name="tag_by_value")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
