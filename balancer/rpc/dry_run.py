"""Calls with ``DryRun``: carried out in full, then undone (slb-rpc-api.md section 1.9)."""

from functools import wraps

from django.db import transaction

from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Action, Caller
from balancer.rpc.responses import Payload


def can_run_dry(act: Action) -> Action:
    """Let a call that asks for it change nothing; refusals are the real ones.

    Nothing is sent to the proxies either, for that happens after a commit only.
    """

    @wraps(act)
    def run(caller: Caller, parameters: Parameters) -> Payload:
        if not parameters.boolean("DryRun"):
            return act(caller, parameters)
        with transaction.atomic():
            act(caller, parameters)
            transaction.set_rollback(True)
        return {}

    return run
