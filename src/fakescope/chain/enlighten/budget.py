"""What a run may spend, in tokens and in money, and what it has spent."""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Money for a million tokens, in any currency."""

    tokens_in: float = 0.0
    tokens_out: float = 0.0

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / MILLION


@dataclass
class Budget:
    """A run's limits. None: no limit.

    A question is let through only if what it would take, at the mean so far, still fits beside those on their way; so
    the limit holds but for the first questions, of which nothing is known yet.
    """

    tokens: int | None = None
    money: float | None = None
    prices: Prices = Prices()
    spent_tokens: int = 0
    spent_money: float = 0.0
    done: int = 0
    on_the_way: int = 0

    def admit(self) -> bool:
        """Whether one more question fits; if so, it counts as on its way until `settle`."""
        expected = self.on_the_way + 1
        fits = self._fits(self.spent_tokens, self.tokens, expected) and self._fits(
            self.spent_money, self.money, expected
        )
        self.on_the_way += fits
        return fits

    def settle(self, tokens_in: int, tokens_out: int) -> float:
        """Book what a question took. Returns its cost."""
        cost = self.prices.cost(tokens_in, tokens_out)
        self.spent_tokens += tokens_in + tokens_out
        self.spent_money += cost
        self.done += 1
        self.on_the_way -= 1
        return cost

    def _fits(self, spent: float, limit: float | None, expected: int) -> bool:
        if limit is None:
            return True
        mean = spent / self.done if self.done else 0.0
        return spent < limit and spent + mean * expected <= limit
