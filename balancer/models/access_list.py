"""Lists of addresses that listeners allow or deny."""

from django.db import models

from balancer.constants import MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS
from balancer.models.base import EditedModel
from balancer.models.inventory import Region
from balancer.public_ids import new_access_list_id


class AccessList(EditedModel):
    """A named list of networks; a listener says whether it allows or denies them."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_access_list_id, editable=False
    )
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="access_lists")
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class AccessListEntry(models.Model):
    """One network of an access list."""

    access_list = models.ForeignKey(AccessList, on_delete=models.CASCADE, related_name="entries")
    network = models.CharField("network in CIDR form", max_length=43)
    description = models.CharField(max_length=MAX_DESCRIPTION_CHARACTERS, blank=True)

    class Meta:
        ordering = ["access_list", "network"]
        verbose_name_plural = "access list entries"
        constraints = [
            models.UniqueConstraint(
                fields=["access_list", "network"], name="network_once_per_access_list"
            )
        ]

    def __str__(self) -> str:
        return self.network
