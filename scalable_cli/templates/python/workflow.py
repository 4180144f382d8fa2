"""How many people does an outbreak reach, and how much does vaccination change it?

A stochastic SIR epidemic, repeated many times for each reproduction number and share of
vaccinated people. Runs with `scalable run` and with `python workflow.py`.
"""

import math
import random
from itertools import product

from scalable import ScalableSession, cacheable

PEOPLE = 1000
REPEATS = 200
LARGE = 0.1  # an outbreak is large when it reaches this share of the people at risk


@cacheable
def simulate(case: tuple[float, float]) -> dict[str, float]:
    """The chance of a large outbreak and the mean share at risk that it reaches.

    `case` is the reproduction number (how many people one person infects when nobody is
    immune) and the vaccinated share of the people, who cannot be infected.
    """
    reproduction, vaccinated = case
    rng = random.Random(f"{reproduction} {vaccinated}")  # the same case, the same result
    at_risk = PEOPLE - round(PEOPLE * vaccinated)
    shares = [outbreak(reproduction, at_risk, rng) / at_risk for _ in range(REPEATS)]
    large = [share for share in shares if share >= LARGE]
    return {
        "reproduction": reproduction,
        "vaccinated": vaccinated,
        "chance_large": len(large) / REPEATS,
        "share_reached": sum(large) / len(large) if large else 0.0,
        "share_expected": final_size(reproduction * at_risk / PEOPLE),
    }


def outbreak(reproduction: float, at_risk: int, rng: random.Random) -> int:
    """How many people one outbreak reaches that starts with one infected person.

    Only the order of the events matters for the size, not their times: the next event is an
    infection with probability infect / (infect + recover), else a recovery.
    """
    susceptible, infected = at_risk - 1, 1
    while infected:
        infect = reproduction * susceptible / PEOPLE
        if rng.random() * (infect + 1) < infect:
            susceptible -= 1
            infected += 1
        else:
            infected -= 1
    return at_risk - susceptible


def final_size(reproduction: float) -> float:
    """The share reached in a large population: z = 1 - exp(-R z) (Kermack, McKendrick 1927)."""
    if reproduction <= 1:
        return 0.0
    share = 1.0
    for _ in range(200):
        share = 1 - math.exp(-reproduction * share)
    return share


def as_csv(rows: list[dict[str, float]]) -> str:
    """The rows as CSV text with a header."""
    lines = [",".join(rows[0])]
    lines += [",".join(f"{value:.4g}" for value in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the sweep and keep its table."""
    session = ScalableSession.from_yaml("./scalable.yaml")
    cases = list(product([1.5, 2.0, 3.0, 5.0], [0.0, 0.2, 0.4, 0.6, 0.8]))
    with session.start() as client:
        futures = client.map(simulate, cases, task="simulate", retries=1)
        rows = client.gather(futures)
    table = as_csv(rows)
    print(table, end="")
    artifact = session.store_artifact("results/outbreaks.csv", table)
    print(f"kept as {artifact.uri}")


if __name__ == "__main__":
    main()
