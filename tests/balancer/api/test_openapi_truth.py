"""The OpenAPI document is true: generated requests, and chains along its own links, find no lie.

Runs the same requests every time. TRUTH_EXAMPLES=200 TRUTH_SEED=7 asks more, and others.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test
from rest_framework.test import APIClient
from schemathesis import Case
from schemathesis.config import GenerationConfig
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.overrides import Override
from schemathesis.schemas import APIOperation, BaseSchema

from balancer.rights import Role
from tests.balancer.api.openapi import in_one_transaction, lies_in, load_api, load_document

EXAMPLES = int(os.environ.get("TRUTH_EXAMPLES", "2"))
SEED = int(os.environ.get("TRUTH_SEED", "20261124"))
MOST_EDGES = 5 * EXAMPLES
"""How many requests at the edges of what is allowed each operation gets."""
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


def authorization(client: APIClient) -> dict[str, str]:
    return {"Authorization": client._credentials["HTTP_AUTHORIZATION"]}


def operations_of(api: BaseSchema) -> list[APIOperation]:
    results = list(api.get_all_operations())
    assert all(isinstance(result, Ok) for result in results), results
    return [result.ok() for result in results]


def edges_of(operation: APIOperation) -> list[Case]:
    """Return requests at and beyond the edges of each member and parameter, evenly chosen."""
    cases = list(
        CoverageGenerator(
            operation=operation,
            generation_modes=list(GenerationMode),
            generation_config=GenerationConfig(with_security_parameters=False),
            auth_storage=None,
            override=Override(),
            feedback=NO_FEEDBACK,
        )
    )
    step = max(1, -(-len(cases) // MOST_EDGES))
    return cases[::step]


def ask_at_random(operation: APIOperation, ask: Callable[[Case], None]) -> None:
    """Ask with values drawn from what is allowed, and from what is not."""
    for mode in GenerationMode:

        @hypothesis.seed(SEED)
        @SETTINGS
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def draw(case: Case) -> None:
            ask(case)

        # Where nothing can be wrong, no wrong request can be drawn.
        with suppress(hypothesis.errors.Unsatisfiable):
            draw()


def find_lies(api: BaseSchema, headers: dict[str, str], statuses: Counter[int]) -> Iterator[str]:
    for operation in operations_of(api):
        found: list[str] = []
        seen: set[bool] = set()

        def ask(case: Case, found: list[str] = found, seen: set[bool] = seen) -> None:
            with in_one_transaction():
                response = case.call(headers=headers)
                is_good = response.status_code < 300
                statuses[response.status_code] += 1
                found += lies_in(case, response, headers, is_first=is_good and not seen)
                seen.update([True] if is_good else [])

        for case in edges_of(operation):
            ask(case)
        ask_at_random(operation, ask)
        yield from (f"{operation.label}\n  {lie}" for lie in found)


@pytest.fixture
def api(client, estate, user_of):
    user_of(Role.ADMIN)
    return load_api(load_document(client, estate), examples=EXAMPLES, seed=SEED)


@pytest.mark.timeout(3000)
def test_every_operation_answers_as_documented(api, admin):
    statuses: Counter[int] = Counter()
    lies = list(find_lies(api, authorization(admin), statuses))
    assert not lies, "\n\n".join(lies)
    assert {200, 201, 400, 404, 405} <= statuses.keys()


@pytest.mark.parametrize("role", [Role.VIEWER, None])
def test_those_who_may_not_are_told_so_as_documented(api, client_of, role):
    headers = authorization(client_of(role)) if role else {}
    statuses: Counter[int] = Counter()
    lies = []
    for operation in operations_of(api):
        cases = [case for case in edges_of(operation) if case.meta.generation.mode.is_positive]
        for case in cases[:2]:
            with in_one_transaction():
                response = case.call(headers=headers)
                statuses[response.status_code] += 1
                lies += lies_in(case, response, headers)
    assert not lies, "\n\n".join(lies)
    assert 403 in statuses if role else set(statuses) == {401}


@pytest.mark.timeout(3000)
def test_chains_along_the_links_stay_true(client, estate, admin):
    api = load_api(load_document(client, estate, short=True), examples=EXAMPLES, seed=SEED)
    headers = authorization(admin)
    followed: Counter[str] = Counter()
    """How often each link led to a good answer."""
    lies: list[str] = []

    class Chain(api.as_state_machine()):  # type: ignore[misc]
        def setup(self):
            self.undone = in_one_transaction()
            self.undone.__enter__()

        def teardown(self):
            self.undone.__exit__(None, None, None)

        def get_call_kwargs(self, case):
            return {"headers": headers}

        def validate_response(self, response, case, **kwargs):
            found = lies_in(case, response, headers, recorder=self.recorder)
            lies.extend(f"{case.operation.label}\n  {lie}" for lie in found)

        def step(self, input):
            output = super().step(input)
            if input.transition is not None and input.is_applied:
                followed[input.transition.id] += output.response.status_code < 400
            return output

    settings = hypothesis.settings(SETTINGS, max_examples=60 * EXAMPLES, stateful_step_count=6)
    run_state_machine_as_test(Chain, settings=settings)
    assert not lies, "\n\n".join(lies)
    assert sum(followed.values()) >= 10, followed
