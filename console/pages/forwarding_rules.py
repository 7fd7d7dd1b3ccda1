"""Pages of a listener's forwarding rules: the list with its tester, the form, and deleting."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from balancer.actors import Actor
from balancer.choices import Entrance
from balancer.domain.forwarding import find_match, match_order, split_url
from balancer.domain.quotas import limit
from balancer.exceptions import BalancerError
from balancer.models import ForwardingRule, Listener
from balancer.rights import Right
from balancer.selectors.forwarding_rules import get_forwarding_rule, list_forwarding_rules
from balancer.selectors.listeners import get_listener
from balancer.selectors.server_groups import list_server_groups
from balancer.services import forwarding_rules as services
from console.forms.edit_number import read_edit_number
from console.forms.forwarding_rules import ForwardingRuleForm
from console.forms.refusals import add_refusal
from console.htmx import HtmxHttpRequest, close_dialog, go_to, render_page
from console.middleware import status_of
from console.pages.instance_frame import find_load_balancer, instance_context
from console.toasts import add_toast
from proxy.snapshot import GroupKind

MAX_TESTED_CHARACTERS = 2000


def _actor(request: HtmxHttpRequest) -> Actor:
    return Actor.person(request.user, Entrance.CONSOLE)  # type: ignore[arg-type]


def _find(request: HtmxHttpRequest, right: Right, ids: Mapping[str, str]) -> Listener:
    load_balancer = find_load_balancer(request, right, ids["region_id"], ids["load_balancer_id"])
    return get_listener(
        user=request.user,
        right=right,
        listener_id=ids["listener_id"],
        load_balancer=load_balancer,
    )


def _find_rule(request: HtmxHttpRequest, right: Right, ids: Mapping[str, str]) -> ForwardingRule:
    listener = _find(request, right, ids)
    return get_forwarding_rule(
        user=request.user, right=right, rule_id=ids["rule_id"], listener=listener
    )


def _list_address(listener: Listener) -> str:
    load_balancer = listener.load_balancer
    ids = [load_balancer.region.public_id, load_balancer.public_id, listener.public_id]
    return reverse("forwarding-rule-list", args=ids)


@login_required
@require_GET
def list_rules(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Show the rules of a listener, the first to be asked first."""
    listener = _find(request, Right.VIEW, ids)
    fragments = {
        "rule-table": "forwarding_rules/_table.html",
        "rule-answer": "forwarding_rules/_answer.html",
    }
    context = _list_context(request, listener)
    return render_page(request, "forwarding_rules/list.html", context, fragments=fragments)


def _list_context(request: HtmxHttpRequest, listener: Listener) -> dict[str, Any]:
    load_balancer = listener.load_balancer
    rules = sorted(
        list_forwarding_rules(user=request.user, listener=listener),
        key=lambda rule: match_order(rule.domain, rule.path),
    )
    return {
        **instance_context(request, load_balancer, active_tab="listener-list"),
        "listener": listener,
        "rules": rules,
        "most_rules": limit("rules_per_listener"),
        "list_url": _list_address(listener),
        **_tested(request.GET.get("url", "").strip()[:MAX_TESTED_CHARACTERS], rules),
    }


def _tested(url: str, rules: Sequence[ForwardingRule]) -> dict[str, Any]:
    """Return which rule takes a URL that somebody has asked about."""
    if not url:
        return {"tested_url": "", "tested_rule": None}
    host, target = split_url(url)
    at = find_match([(rule.domain, rule.path) for rule in rules], host, target)
    return {"tested_url": url, "tested_rule": None if at is None else rules[at]}


@login_required
@require_http_methods(["GET", "POST"])
def create_rule(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Add a rule on a page of its own."""
    listener = _find(request, Right.CHANGE, ids)
    form = ForwardingRuleForm(request.POST or None, groups=_groups(request, listener))
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            rule = services.create_forwarding_rule(
                actor=_actor(request), listener=listener, **form.options()
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Rule {rule.name} created")
            return go_to(request, _list_address(listener))
    return _form_page(request, listener, form, status)


@login_required
@require_http_methods(["GET", "POST"])
def edit_rule(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Change name, group or settings of a rule; what it matches stays."""
    right = Right.CHANGE if request.method == "POST" else Right.VIEW
    rule = _find_rule(request, right, ids)
    listener = rule.listener
    form = ForwardingRuleForm(request.POST or None, groups=_groups(request, listener), rule=rule)
    status = None
    if request.method == "POST" and form.is_valid():
        try:
            services.update_forwarding_rule(
                actor=_actor(request),
                rule=rule,
                expected=read_edit_number(form.cleaned_data["expected"]),
                **form.options(),
            )
        except BalancerError as error:
            add_refusal(form, error)
            status = status_of(error)
        else:
            add_toast(request, f"Rule {rule.name} saved")
            return go_to(request, _list_address(listener))
    return _form_page(request, listener, form, status)


def _groups(request: HtmxHttpRequest, listener: Listener) -> Any:
    groups = list_server_groups(
        user=request.user, load_balancer=listener.load_balancer, kind=GroupKind.VSERVER
    )
    return groups.order_by("name")


def _form_page(
    request: HtmxHttpRequest, listener: Listener, form: ForwardingRuleForm, status: int | None
) -> HttpResponse:
    chooser: Any = form.fields["server_group"]
    context = {
        **instance_context(request, listener.load_balancer, active_tab="listener-list"),
        "form": form,
        "listener": listener,
        "rule": form.rule,
        "has_groups": chooser.queryset.exists(),
        "close_url": _list_address(listener),
    }
    return render_page(request, "forwarding_rules/form.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def delete_rule(request: HtmxHttpRequest, **ids: str) -> HttpResponse:
    """Delete a rule after a question; its group stays."""
    rule = _find_rule(request, Right.CHANGE, ids)
    listener = rule.listener
    if request.method == "POST":
        services.delete_forwarding_rule(actor=_actor(request), rule=rule)
        add_toast(request, f"Rule {rule.name} deleted")
        return close_dialog(request, _list_address(listener))
    template = "forwarding_rules/_delete_dialog.html"
    context = {
        **_list_context(request, listener),
        "rule": rule,
        "dialog_template": template,
        "close_url": _list_address(listener),
    }
    return render_page(
        request,
        "forwarding_rules/dialog_page.html",
        context,
        fragments={"dialog-slot": template},
    )
