"""What a run may spend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.chain.enlighten.budget import Budget, Prices


def test_prices_are_for_a_million_tokens():
    assert Prices(2.0, 10.0).cost(500_000, 100_000) == pytest.approx(2.0)


def test_without_limits_everything_fits():
    budget = Budget()
    assert all(budget.admit() for _ in range(1000))


@given(st.integers(1, 20), st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_the_limit_is_passed_by_no_more_than_the_questions_on_their_way(together, costs):
    limit, budget = 2000, Budget(tokens=2000)
    waiting: list[int] = []
    for cost in costs:
        if budget.admit():
            waiting.append(cost)
        if len(waiting) >= together:
            budget.settle(waiting.pop(0), 0)
    for cost in waiting:
        budget.settle(cost, 0)
    assert budget.on_the_way == 0
    assert budget.spent_tokens <= limit + 500 * together


def test_steady_questions_keep_the_limit():
    budget = Budget(money=1.0, prices=Prices(1.0, 0.0))
    admitted = 0
    while budget.admit():
        budget.settle(100_000, 0)
        admitted += 1
    assert admitted == 10
    assert budget.spent_money == pytest.approx(1.0)
