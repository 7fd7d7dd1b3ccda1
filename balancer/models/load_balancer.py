"""Load balancer instances."""

import secrets

from django.db import models
from django.urls import reverse

from balancer.choices import AddressType, LoadBalancerStatus, NetworkType
from balancer.constants import (
    MAX_NAME_CHARACTERS,
    MAX_PROTECTION_REASON_CHARACTERS,
    UNLIMITED_BANDWIDTH_MBPS,
)
from balancer.models.base import EditedModel
from balancer.models.inventory import Region, Vpc, VSwitch, Zone
from balancer.public_ids import new_load_balancer_id

DEFAULT_RESOURCE_GROUP = "rg-default"


def new_cookie_key() -> str:
    """Return a random key of 256 bits as hexadecimal digits."""
    return secrets.token_hex(32)


class LoadBalancer(EditedModel):
    """One virtual address with listeners and server groups behind it (S4)."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_load_balancer_id, editable=False
    )
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="load_balancers")
    primary_zone = models.ForeignKey(Zone, on_delete=models.PROTECT, related_name="+")
    backup_zone = models.ForeignKey(
        Zone, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    address = models.GenericIPAddressField(protocol="IPv4", unique=True)
    address_type = models.CharField(
        max_length=10, choices=AddressType.choices, default=AddressType.INTERNET
    )
    network_type = models.CharField(
        max_length=10, choices=NetworkType.choices, default=NetworkType.VPC
    )
    vpc = models.ForeignKey(
        Vpc, verbose_name="VPC", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    vswitch = models.ForeignKey(
        VSwitch,
        verbose_name="vSwitch",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    specification = models.CharField(
        max_length=30, blank=True, help_text="Empty: shared performance."
    )
    bandwidth_mbps = models.IntegerField(
        "peak bandwidth (Mbit/s)",
        default=UNLIMITED_BANDWIDTH_MBPS,
        help_text="Of all listeners together, for each direction and each proxy node; -1: no "
        "limit.",
    )
    status = models.CharField(
        max_length=10, choices=LoadBalancerStatus.choices, default=LoadBalancerStatus.ACTIVE
    )
    deletion_protection = models.BooleanField(default=False)
    modification_protection = models.BooleanField(default=False)
    modification_protection_reason = models.CharField(
        max_length=MAX_PROTECTION_REASON_CHARACTERS, blank=True
    )
    owner = models.CharField(max_length=150, blank=True, editable=False)
    billing = models.JSONField(
        default=dict,
        editable=False,
        help_text="What clients of the RPC API say about prices: kept and told. Only a bandwidth "
        "that is billed by has an effect.",
    )
    cookie_key = models.CharField(
        max_length=64,
        default=new_cookie_key,
        editable=False,
        help_text="Signs the cookies that keep sessions with a server.",
    )

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["region", "name"], name="load_balancer_by_region")]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    def get_absolute_url(self) -> str:
        """Return the address of the instance's page in the console."""
        return reverse("load-balancer-detail", args=[self.region.public_id, self.public_id])

    @property
    def is_active(self) -> bool:
        """Tell whether the load balancer serves its running listeners."""
        return self.status == LoadBalancerStatus.ACTIVE

    @property
    def resource_group(self) -> str:
        """Return the group that clients of the RPC API have sorted the instance into."""
        return str(self.billing.get("resource_group_id", DEFAULT_RESOURCE_GROUP))

    @property
    def is_guaranteed_performance(self) -> bool:
        """Tell whether ENI addresses may be backend servers here (S148)."""
        return bool(self.specification)
