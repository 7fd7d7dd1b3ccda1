"""The three kinds of server group and the servers in them."""

from django.db import models
from django.db.models import Q

from balancer.choices import GROUP_KIND_CHOICES, SERVER_ROLE_CHOICES
from balancer.constants import (
    DEFAULT_WEIGHT,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_PORT,
    MAX_WEIGHT,
    MIN_PORT,
    MIN_WEIGHT,
)
from balancer.models.base import EditedModel
from balancer.models.inventory import EcsInstance, IdcServer, InterfaceAddress
from balancer.models.load_balancer import LoadBalancer
from balancer.public_ids import new_backend_server_id, new_server_group_id
from proxy.snapshot import GroupKind, ServerRole


class ServerGroup(EditedModel):
    """Servers that receive the requests of a listener or rule (S31, S92, S124)."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_server_group_id, editable=False
    )
    load_balancer = models.ForeignKey(
        LoadBalancer, on_delete=models.CASCADE, related_name="server_groups"
    )
    kind = models.CharField(max_length=20, choices=GROUP_KIND_CHOICES)
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)

    class Meta:
        ordering = ["load_balancer", "kind", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["load_balancer"],
                condition=Q(kind=GroupKind.DEFAULT.value),
                name="one_default_group_per_load_balancer",
            ),
            models.UniqueConstraint(
                fields=["load_balancer", "kind", "name"], name="group_name_unique_in_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def is_default(self) -> bool:
        """Tell whether this is the group that listeners without their own share (S81)."""
        return self.kind == GroupKind.DEFAULT


class BackendServer(EditedModel):
    """One entry of a group: a machine, an ENI address or an IDC server, at a port."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_backend_server_id, editable=False
    )
    group = models.ForeignKey(ServerGroup, on_delete=models.CASCADE, related_name="servers")
    ecs_instance = models.ForeignKey(
        EcsInstance,
        verbose_name="ECS instance",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="backend_servers",
    )
    interface_address = models.ForeignKey(
        InterfaceAddress,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="backend_servers",
    )
    idc_server = models.ForeignKey(
        IdcServer,
        verbose_name="IDC server",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="backend_servers",
    )
    port = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty in the default group: the listener brings it."
    )
    weight = models.IntegerField(default=DEFAULT_WEIGHT)
    role = models.CharField(
        max_length=10, choices=SERVER_ROLE_CHOICES, default=ServerRole.MEMBER.value
    )
    description = models.CharField(max_length=MAX_DESCRIPTION_CHARACTERS, blank=True)

    class Meta:
        ordering = ["group", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weight__gte=MIN_WEIGHT, weight__lte=MAX_WEIGHT),
                name="backend_server_weight_in_range",
            ),
            models.CheckConstraint(
                condition=Q(port__isnull=True) | Q(port__gte=MIN_PORT, port__lte=MAX_PORT),
                name="backend_server_port_in_range",
            ),
            models.CheckConstraint(
                condition=Q(
                    ecs_instance__isnull=False,
                    interface_address__isnull=True,
                    idc_server__isnull=True,
                )
                | Q(
                    ecs_instance__isnull=True,
                    interface_address__isnull=False,
                    idc_server__isnull=True,
                )
                | Q(
                    ecs_instance__isnull=True,
                    interface_address__isnull=True,
                    idc_server__isnull=False,
                ),
                name="backend_server_is_one_machine",
            ),
            *(
                models.UniqueConstraint(
                    fields=["group", target, "port"],
                    name=f"{target}_once_per_group_and_port",
                )
                for target in ("ecs_instance", "interface_address", "idc_server")
            ),
            *(
                models.UniqueConstraint(
                    fields=["group", target],
                    condition=Q(port__isnull=True),
                    name=f"{target}_once_per_default_group",
                )
                for target in ("ecs_instance", "interface_address", "idc_server")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def machine(self) -> EcsInstance | IdcServer | InterfaceAddress:
        """Return what the entry points at."""
        machine = self.ecs_instance or self.interface_address or self.idc_server
        assert machine is not None, "the database holds exactly one"
        return machine

    @property
    def name(self) -> str:
        """Return the machine's name, for people."""
        if self.interface_address is not None:
            return self.interface_address.interface.name
        return str(getattr(self.machine, "name", ""))

    @property
    def machine_id(self) -> str:
        """Return the public id of the machine or interface."""
        if self.interface_address is not None:
            return self.interface_address.interface.public_id
        return str(getattr(self.machine, "public_id", ""))

    @property
    def address(self) -> str:
        """Return the address that traffic goes to."""
        if self.ecs_instance is not None:
            return self.ecs_instance.private_address
        if self.interface_address is not None:
            return self.interface_address.address
        assert self.idc_server is not None, "the database holds exactly one"
        return self.idc_server.address

    @property
    def machine_type(self) -> str:
        """Return ``ecs``, ``eni`` or ``idc``."""
        if self.ecs_instance_id is not None:
            return "ecs"
        return "eni" if self.interface_address_id is not None else "idc"
