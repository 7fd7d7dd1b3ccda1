"""Lists of VServer groups and primary/secondary pairs, with their servers and health."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from balancer.models import BackendServer, ForwardingRule, Listener, ServerGroup
from balancer.rights import Right
from balancer.selectors.backend_servers import list_backend_servers
from balancer.selectors.forwarding_rules import list_forwarding_rules
from balancer.selectors.health import ServerHealth, get_group_health
from balancer.selectors.listeners import list_listeners
from balancer.selectors.server_groups import list_server_groups
from console.htmx import HtmxHttpRequest, render_page
from console.pages.instance_frame import find_load_balancer, instance_context
from proxy.snapshot import GroupKind, ServerRole


@dataclass(frozen=True, slots=True)
class ServerLine:
    """One server of a group as the list shows it."""

    server: BackendServer
    health: ServerHealth | None

    @property
    def health_word(self) -> str:
        """Return the word; without a running listener nobody checks the server."""
        if self.server.role == ServerRole.SECONDARY or self.health is None:
            return "Not checked"
        return self.health.word


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group, who uses it and who is in it."""

    group: ServerGroup
    listeners: Sequence[Listener]
    rules: Sequence[ForwardingRule]
    servers: Sequence[ServerLine]

    @property
    def unhealthy(self) -> int:
        """Return how many servers fail their checks."""
        return sum(line.health_word == "Abnormal" for line in self.servers)


@login_required
@require_GET
def list_vserver_groups(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Show the VServer groups of an instance."""
    return _list(
        request,
        region_id,
        load_balancer_id,
        kind=GroupKind.VSERVER,
        tab="vserver-group-list",
        template="server_groups/vserver_groups.html",
    )


@login_required
@require_GET
def list_primary_secondary_groups(
    request: HtmxHttpRequest, region_id: str, load_balancer_id: str
) -> HttpResponse:
    """Show the primary/secondary pairs of an instance."""
    return _list(
        request,
        region_id,
        load_balancer_id,
        kind=GroupKind.PRIMARY_SECONDARY,
        tab="primary-secondary-group-list",
        template="server_groups/primary_secondary_groups.html",
    )


def _list(
    request: HtmxHttpRequest,
    region_id: str,
    load_balancer_id: str,
    *,
    kind: GroupKind,
    tab: str,
    template: str,
) -> HttpResponse:
    load_balancer = find_load_balancer(request, Right.VIEW, region_id, load_balancer_id)
    groups = list(list_server_groups(user=request.user, load_balancer=load_balancer, kind=kind))
    listeners = list(list_listeners(user=request.user, load_balancer=load_balancer))
    rules = list(list_forwarding_rules(user=request.user, load_balancer=load_balancer))
    context = {
        **instance_context(request, load_balancer, active_tab=tab),
        "rows": [_row(request.user, group, listeners, rules) for group in groups],
        "kind": kind.value,
    }
    fragments = {"group-table": "server_groups/_table.html"}
    return render_page(request, template, context, fragments=fragments)


def _row(
    user: Any,
    group: ServerGroup,
    listeners: Sequence[Listener],
    rules: Sequence[ForwardingRule],
) -> GroupRow:
    users = [each for each in listeners if each.sends_to(group)]
    own_rules = [each for each in rules if each.server_group_id == group.pk]
    health = get_group_health(group, users, own_rules)
    servers = [
        ServerLine(server, health.get(server.public_id))
        for server in list_backend_servers(user=user, group=group)
    ]
    return GroupRow(group, users, own_rules, servers)
