"""Listeners with every option, and the forwarding rules of HTTP and HTTPS listeners.

A column exists for each option from the start; which of them the proxies apply today is said in
``balancer/domain/support.py``, and services refuse the rest.
"""

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from balancer.choices import (
    ACCESS_KIND_CHOICES,
    CHECK_KIND_CHOICES,
    PROTOCOL_CHOICES,
    SCHEDULER_CHOICES,
    STICKY_KIND_CHOICES,
    TLS_POLICY_CHOICES,
    ListenerStatus,
)
from balancer.constants import (
    CHECK_INTERVAL_RANGE_S,
    CHECK_THRESHOLD_RANGE,
    CHECK_TIMEOUT_RANGE_S,
    DEFAULT_CHECK_INTERVAL_S,
    DEFAULT_CHECK_THRESHOLD,
    DEFAULT_CHECK_TIMEOUT_S,
    DEFAULT_ESTABLISHED_TIMEOUT_S,
    DEFAULT_IDLE_TIMEOUT_S,
    DEFAULT_REQUEST_TIMEOUT_S,
    MAX_COOKIE_NAME_CHARACTERS,
    MAX_DOMAIN_CHARACTERS,
    MAX_LISTENER_DESCRIPTION_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_PATH_CHARACTERS,
    MAX_PORT,
    MAX_RULE_NAME_CHARACTERS,
    MAX_UDP_CHECK_CHARACTERS,
    MIN_PORT,
    UNLIMITED_BANDWIDTH_MBPS,
)
from balancer.models.access_list import AccessList
from balancer.models.base import EditedModel
from balancer.models.certificate import Certificate
from balancer.models.load_balancer import LoadBalancer
from balancer.models.server_group import ServerGroup
from balancer.public_ids import (
    new_domain_certificate_id,
    new_forwarding_rule_id,
    new_listener_id,
)
from proxy.snapshot import CheckKind, Protocol, SchedulerName, TlsPolicy


class HealthCheckSettings(models.Model):
    """How the servers of a listener, or of a rule with its own settings, are probed."""

    check_enabled = models.BooleanField("health check", default=True)
    check_kind = models.CharField(
        max_length=5, choices=CHECK_KIND_CHOICES, default=CheckKind.TCP.value
    )
    check_interval_s = models.PositiveSmallIntegerField(default=DEFAULT_CHECK_INTERVAL_S)
    check_timeout_s = models.PositiveSmallIntegerField(default=DEFAULT_CHECK_TIMEOUT_S)
    check_healthy_threshold = models.PositiveSmallIntegerField(default=DEFAULT_CHECK_THRESHOLD)
    check_unhealthy_threshold = models.PositiveSmallIntegerField(default=DEFAULT_CHECK_THRESHOLD)
    check_port = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: the port of each server."
    )
    check_method = models.CharField(
        max_length=4, choices=[("HEAD", "HEAD"), ("GET", "GET")], default="HEAD"
    )
    check_path = models.CharField(max_length=MAX_PATH_CHARACTERS, default="/")
    check_host = models.CharField(
        max_length=MAX_DOMAIN_CHARACTERS, blank=True, help_text="Empty: the server's address."
    )
    check_expected_classes = models.CharField(
        max_length=20, default="2,3", help_text="First digits of good status codes."
    )
    check_request = models.CharField(max_length=MAX_UDP_CHECK_CHARACTERS, blank=True)
    check_expected_answer = models.CharField(max_length=MAX_UDP_CHECK_CHARACTERS, blank=True)

    class Meta:
        abstract = True


class StickySettings(models.Model):
    """How HTTP sessions stay with a server."""

    sticky_enabled = models.BooleanField("session persistence", default=False)
    sticky_kind = models.CharField(max_length=10, choices=STICKY_KIND_CHOICES, blank=True)
    cookie_timeout_s = models.PositiveIntegerField(null=True, blank=True)
    cookie_name = models.CharField(max_length=MAX_COOKIE_NAME_CHARACTERS, blank=True)

    class Meta:
        abstract = True


class Listener(HealthCheckSettings, StickySettings, EditedModel):
    """A port of a load balancer that receives requests and forwards them (S16)."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_listener_id, editable=False
    )
    load_balancer = models.ForeignKey(
        LoadBalancer, on_delete=models.CASCADE, related_name="listeners"
    )
    protocol = models.CharField(max_length=5, choices=PROTOCOL_CHOICES)
    port = models.PositiveIntegerField("listening port")
    backend_port = models.PositiveIntegerField(
        null=True, blank=True, help_text="Port on the servers of the default group."
    )
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    description = models.CharField(max_length=MAX_LISTENER_DESCRIPTION_CHARACTERS, blank=True)
    status = models.CharField(
        max_length=10, choices=ListenerStatus.choices, default=ListenerStatus.STOPPED
    )
    scheduler = models.CharField(
        max_length=30,
        choices=SCHEDULER_CHOICES,
        default=SchedulerName.WEIGHTED_ROUND_ROBIN.value,
    )
    server_group = models.ForeignKey(
        ServerGroup,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="listeners",
        help_text="Empty: the default server group.",
    )
    bandwidth_mbps = models.IntegerField(default=UNLIMITED_BANDWIDTH_MBPS)

    # Layer 4
    established_timeout_s = models.PositiveSmallIntegerField(default=DEFAULT_ESTABLISHED_TIMEOUT_S)
    persistence_timeout_s = models.PositiveSmallIntegerField(default=0)
    drain_enabled = models.BooleanField("connection draining", default=False)
    drain_timeout_s = models.PositiveSmallIntegerField(null=True, blank=True)
    proxy_protocol_v2 = models.BooleanField("PROXY protocol v2", default=False)
    syn_proxy = models.BooleanField("SYN proxy", default=False)

    # Two-group failover (S24-S30, C14)
    failover_enabled = models.BooleanField("two-group failover", default=False)
    primary_group = models.ForeignKey(
        ServerGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    secondary_group = models.ForeignKey(
        ServerGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    failover_threshold = models.PositiveSmallIntegerField(null=True, blank=True)

    # Layer 7
    idle_timeout_s = models.PositiveSmallIntegerField(default=DEFAULT_IDLE_TIMEOUT_S)
    request_timeout_s = models.PositiveSmallIntegerField(default=DEFAULT_REQUEST_TIMEOUT_S)
    gzip_enabled = models.BooleanField("gzip", default=False)
    forwarded_for = models.BooleanField("X-Forwarded-For", default=True)
    forwarded_proto = models.BooleanField("X-Forwarded-Proto", default=False)
    forwarded_port = models.BooleanField("X-Forwarded-Port", default=False)
    forwarded_client_port = models.BooleanField("client port header", default=False)
    forwarded_instance_address = models.BooleanField("instance address header", default=False)
    forwarded_instance_id = models.BooleanField("instance ID header", default=False)
    redirect_port = models.PositiveIntegerField(
        null=True, blank=True, help_text="Port of an HTTPS listener to redirect to."
    )

    # TLS
    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, null=True, blank=True, related_name="listeners"
    )
    client_ca_certificate = models.ForeignKey(
        Certificate,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="verified_listeners",
        help_text="Clients must show a certificate of this authority.",
    )
    tls_policy = models.CharField(
        max_length=30, choices=TLS_POLICY_CHOICES, default=TlsPolicy.TLS_1_2.value
    )
    http2_enabled = models.BooleanField(
        "HTTP/2", default=False, help_text="Kept for clients that compare it; not offered."
    )

    # Access control
    access_enabled = models.BooleanField("access control", default=False)
    access_kind = models.CharField(max_length=5, choices=ACCESS_KIND_CHOICES, blank=True)
    access_lists = models.ManyToManyField(AccessList, blank=True, related_name="listeners")

    class Meta:
        ordering = ["load_balancer", "port", "protocol"]
        constraints = [
            models.UniqueConstraint(
                fields=["load_balancer", "port"],
                condition=~Q(protocol=Protocol.UDP.value),
                name="one_stream_listener_per_port",
            ),
            models.UniqueConstraint(
                fields=["load_balancer", "port", "protocol"], name="listener_key_unique"
            ),
            models.CheckConstraint(
                condition=Q(port__gte=MIN_PORT, port__lte=MAX_PORT), name="listener_port_in_range"
            ),
            models.CheckConstraint(
                condition=Q(backend_port__isnull=True)
                | Q(backend_port__gte=MIN_PORT, backend_port__lte=MAX_PORT),
                name="listener_backend_port_in_range",
            ),
            models.CheckConstraint(
                condition=Q(
                    check_interval_s__range=CHECK_INTERVAL_RANGE_S,
                    check_timeout_s__range=CHECK_TIMEOUT_RANGE_S,
                    check_healthy_threshold__range=CHECK_THRESHOLD_RANGE,
                    check_unhealthy_threshold__range=CHECK_THRESHOLD_RANGE,
                ),
                name="listener_check_in_range",
            ),
            models.CheckConstraint(
                condition=Q(failover_enabled=False) | ~Q(primary_group=F("secondary_group")),
                name="failover_groups_differ",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.protocol.upper()}: {self.port}"

    def get_absolute_url(self) -> str:
        """Return the address of the listener's form in the console."""
        load_balancer = self.load_balancer
        return reverse(
            "listener-edit",
            args=[load_balancer.region.public_id, load_balancer.public_id, self.public_id],
        )

    @property
    def is_running(self) -> bool:
        """Tell whether the operator wants the listener to serve."""
        return self.status == ListenerStatus.RUNNING

    @property
    def redirects(self) -> bool:
        """Tell whether the listener sends its clients elsewhere and asks no server."""
        return self.redirect_port is not None

    @property
    def own_groups(self) -> tuple[int | None, ...]:
        """Return the keys of the groups it sends to by itself; None stands for the default one."""
        if self.failover_enabled:
            return self.primary_group_id, self.secondary_group_id
        return (self.server_group_id,)

    def sends_to(self, group: ServerGroup) -> bool:
        """Tell whether the listener sends to the group by itself, not by a forwarding rule."""
        if self.load_balancer_id != group.load_balancer_id:
            return False
        return group.pk in self.own_groups or (group.is_default and None in self.own_groups)

    @property
    def is_http(self) -> bool:
        """Tell whether the listener understands requests (HTTP or HTTPS)."""
        return self.protocol in (Protocol.HTTP, Protocol.HTTPS)


class DomainCertificate(models.Model):
    """A further certificate of an HTTPS listener, for clients that ask for its domain (SNI)."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_domain_certificate_id, editable=False
    )
    listener = models.ForeignKey(
        Listener, on_delete=models.CASCADE, related_name="domain_certificates"
    )
    domain = models.CharField(max_length=MAX_DOMAIN_CHARACTERS)
    certificate = models.ForeignKey(
        Certificate, on_delete=models.PROTECT, related_name="domain_certificates"
    )

    class Meta:
        ordering = ["listener", "domain"]
        constraints = [
            models.UniqueConstraint(fields=["listener", "domain"], name="domain_once_per_listener")
        ]

    def __str__(self) -> str:
        return self.domain


class ForwardingRule(HealthCheckSettings, StickySettings, EditedModel):
    """Requests of one domain and path go to one VServer group (S35)."""

    public_id = models.CharField(
        "ID", max_length=40, unique=True, default=new_forwarding_rule_id, editable=False
    )
    listener = models.ForeignKey(Listener, on_delete=models.CASCADE, related_name="rules")
    name = models.CharField(max_length=MAX_RULE_NAME_CHARACTERS)
    domain = models.CharField(max_length=MAX_DOMAIN_CHARACTERS, blank=True)
    path = models.CharField(max_length=MAX_PATH_CHARACTERS, blank=True)
    server_group = models.ForeignKey(ServerGroup, on_delete=models.PROTECT, related_name="rules")
    inherits_settings = models.BooleanField(default=True)
    scheduler = models.CharField(
        max_length=30,
        choices=SCHEDULER_CHOICES,
        default=SchedulerName.WEIGHTED_ROUND_ROBIN.value,
    )

    class Meta:
        ordering = ["listener", "domain", "path"]
        constraints = [
            models.UniqueConstraint(
                fields=["listener", "domain", "path"], name="rule_match_unique_in_listener"
            ),
            models.UniqueConstraint(
                fields=["listener", "name"], name="rule_name_unique_in_listener"
            ),
            models.CheckConstraint(
                condition=~(Q(domain="") & Q(path="")), name="rule_matches_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.domain}{self.path}"

    def get_absolute_url(self) -> str:
        """Return the address of the rule's form in the console."""
        load_balancer = self.listener.load_balancer
        return reverse(
            "forwarding-rule-edit",
            args=[
                load_balancer.region.public_id,
                load_balancer.public_id,
                self.listener.public_id,
                self.public_id,
            ],
        )
