"""The machines and networks that load balancers stand in and send traffic to."""

from django.db import models
from django.db.models import Q

from balancer.choices import InterfaceKind, PowerState
from balancer.constants import MAX_NAME_CHARACTERS
from balancer.models.base import EditedModel
from balancer.public_ids import new_ecs_instance_id, new_idc_server_id, new_interface_id


class Region(models.Model):
    """A place that never shares servers with another (S10)."""

    public_id = models.CharField("ID", max_length=40, unique=True)
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)

    class Meta:
        ordering = ["public_id"]

    def __str__(self) -> str:
        return self.public_id


class Zone(models.Model):
    """A part of a region with its own power and network."""

    public_id = models.CharField("ID", max_length=40, unique=True)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="zones")
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)

    class Meta:
        ordering = ["public_id"]

    def __str__(self) -> str:
        return self.public_id


class Vpc(models.Model):
    """A private network of one region."""

    public_id = models.CharField("ID", max_length=40, unique=True)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="vpcs")
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    cidr = models.CharField("CIDR block", max_length=18)

    class Meta:
        ordering = ["public_id"]
        verbose_name = "VPC"

    def __str__(self) -> str:
        return self.public_id


class VSwitch(models.Model):
    """A subnet of a VPC inside one zone."""

    public_id = models.CharField("ID", max_length=40, unique=True)
    vpc = models.ForeignKey(Vpc, on_delete=models.PROTECT, related_name="vswitches")
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, related_name="vswitches")
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    cidr = models.CharField("CIDR block", max_length=18)

    class Meta:
        ordering = ["public_id"]
        verbose_name = "vSwitch"
        verbose_name_plural = "vSwitches"

    def __str__(self) -> str:
        return self.public_id


class EcsInstance(EditedModel):
    """A machine that can be a backend server by its private address."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_ecs_instance_id, editable=False
    )
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, related_name="ecs_instances")
    vswitch = models.ForeignKey(
        VSwitch, verbose_name="vSwitch", on_delete=models.PROTECT, related_name="ecs_instances"
    )
    private_address = models.GenericIPAddressField(protocol="IPv4", unique=True)
    public_address = models.GenericIPAddressField(protocol="IPv4", null=True, blank=True)
    power_state = models.CharField(
        max_length=10, choices=PowerState.choices, default=PowerState.RUNNING
    )
    operating_system = models.CharField(max_length=MAX_NAME_CHARACTERS, blank=True)

    class Meta:
        ordering = ["name", "public_id"]
        verbose_name = "ECS instance"
        indexes = [models.Index(fields=["zone", "name"], name="ecs_instance_by_zone")]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def is_running(self) -> bool:
        """Tell whether the machine can be added to a group now."""
        return self.power_state == PowerState.RUNNING


class NetworkInterface(EditedModel):
    """An ENI: one interface of a machine with one or more private addresses (S145)."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_interface_id, editable=False
    )
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    kind = models.CharField(
        max_length=10, choices=InterfaceKind.choices, default=InterfaceKind.SECONDARY
    )
    vswitch = models.ForeignKey(
        VSwitch, verbose_name="vSwitch", on_delete=models.PROTECT, related_name="interfaces"
    )
    instance = models.ForeignKey(
        EcsInstance,
        verbose_name="bound instance",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="interfaces",
    )

    class Meta:
        ordering = ["name", "public_id"]
        verbose_name = "network interface"

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class InterfaceAddress(models.Model):
    """One private address of an ENI; each can be a backend server of its own (S147)."""

    interface = models.ForeignKey(
        NetworkInterface, on_delete=models.CASCADE, related_name="addresses"
    )
    address = models.GenericIPAddressField(protocol="IPv4", unique=True)
    is_primary = models.BooleanField(default=False)

    class Meta:
        ordering = ["-is_primary", "address"]
        verbose_name_plural = "interface addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["interface"],
                condition=Q(is_primary=True),
                name="one_primary_address_per_interface",
            )
        ]

    def __str__(self) -> str:
        return self.address


class IdcServer(EditedModel):
    """A machine outside the cloud, known by its address (C27)."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_idc_server_id, editable=False
    )
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="idc_servers")
    address = models.GenericIPAddressField(protocol="IPv4", unique=True)
    link = models.CharField(
        "network or link", max_length=MAX_NAME_CHARACTERS, blank=True, help_text="Leased line, VPN"
    )
    note = models.CharField(max_length=MAX_NAME_CHARACTERS, blank=True)

    class Meta:
        ordering = ["name", "public_id"]
        verbose_name = "IDC server"

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"
