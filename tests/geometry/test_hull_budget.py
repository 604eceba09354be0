from __future__ import annotations

from itertools import product

import numpy as np

from kiln.geometry.hull_budget import spend
from kiln.geometry.slim_hull import Slim


def options(*costs: float) -> list[Slim]:
    """Bodies of 4, 5, 6... corners."""
    return [Slim(corners=np.zeros((4 + more, 3)), cost=cost) for more, cost in enumerate(costs)]


def test_no_other_choice_within_the_budget_costs_less():
    parts = [options(9.0, 5.0, 2.0, 1.9), options(4.0, 3.5, 1.0), options(7.0, 6.9, 6.8, 0.1)]
    for budget in (12, 14, 16, 20, 23, 40):
        chosen = spend(parts, triangles=budget)
        affordable = [c for c in product(*parts) if sum(slim.triangles for slim in c) <= budget]
        assert chosen is not None and sum(slim.triangles for slim in chosen) <= budget
        assert sum(slim.cost for slim in chosen) == min(sum(slim.cost for slim in c) for c in affordable)


def test_a_budget_below_a_tetrahedron_each_buys_nothing():
    assert spend([options(1.0), options(1.0)], triangles=6) is None
