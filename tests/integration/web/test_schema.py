"""The description of the API against the API: what it allows and what it forbids never ends in a fault of ours."""

import pytest

from automation.ledger.roles import Role

pytestmark = pytest.mark.slow


@pytest.fixture
def gate(gate, clock):
    """Nobody calls too often here."""
    gate._calls._most = 1_000_000
    return gate


def check(operation, mode, call):
    """Call an operation with what fits its description, or with what does not."""
    from hypothesis import HealthCheck, Phase, given, settings

    held = settings(
        max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate], derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    held(given(case=operation.as_strategy(generation_mode=mode))(call))()


def test_nothing_that_is_sent_ends_in_a_fault(serve, app, ledger, add_run):
    """Bodies, addresses and headers that fit the description and that do not: no 5xx."""
    import schemathesis

    for _ in range(3):
        add_run()
    token = ledger.tokens.add("all", "test", Role.ADMIN)[0]
    client, headers = serve(app), {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json", headers=headers).json())
    schema.config.update(base_url=str(client.base_url).rstrip("/"))
    faults, statuses = [], {}

    def call(case):
        answer = case.call(timeout=60, headers=headers)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        if answer.status_code >= 500:
            faults.append(f"{case.method} {case.formatted_path}: {answer.status_code} {case.body!r}")

    for found in schema.get_all_operations():
        if not found.ok().path.endswith("/events"):  # those go on until somebody leaves
            for mode in schemathesis.GenerationMode:
                check(found.ok(), mode, call)

    print(statuses)
    assert faults == []
    assert sum(statuses.values()) > 300
    assert statuses[200] > 50
