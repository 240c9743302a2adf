"""
Play many seeds: ``python tests/sim/run.py --seeds N [--seed FIRST] [--jobs N]``.

Each seed is a world of a failover list and one of a TCP load balancer, or only one of
them with ``--world``. Blocks of seeds are dealt out to processes, one for each core.
With ``--seed S`` alone the worlds of that seed are played and their histories printed.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).parents[1]))

from sim import group_laws
from sim.auditor import broken_laws
from sim.simulator import Loss, World

BLOCK_SEEDS = 100


class Played(Protocol):
    """A world after its run."""

    accepted: list[int]
    losses: list[Loss]
    history: list[tuple[float, str]]

    @property
    def sessions(self) -> Sequence[object]:
        """All connections that ever were."""


def play(seed: int) -> tuple[World, list[str]]:
    """Play one seed; an exception breaks the law that there are none."""
    world = World(seed)
    world.note(str(world.plan))
    try:
        world.run()
    except Exception:
        return world, [traceback.format_exc()]
    return world, broken_laws(world)


KINDS: dict[str, Callable[[int], tuple[Played, list[str]]]] = {
    "failover": play,
    "balancer": group_laws.play,
}


def play_block(block: tuple[str, Sequence[int]]) -> tuple[Counter[str], dict[str, str]]:
    """Play some seeds; return sums, and the first broken law of each that broke one."""
    kind, seeds = block
    sums: Counter[str] = Counter()
    broken_seeds = {}
    for seed in seeds:
        world, broken = KINDS[kind](seed)
        sums["seeds"] += 1
        sums["losses"] += len(world.losses)
        sums["sessions"] += len(world.sessions)
        sums["records"] += len(world.accepted)
        if broken:
            sums["failed"] += 1
            broken_seeds[f"{kind} {seed}"] = broken[0]
    return sums, broken_seeds


def show(kind: str, seed: int) -> int:
    """Print the history of one world; 1 when it broke a law."""
    world, broken = KINDS[kind](seed)
    print(f"{kind} {seed}")
    for when, text in world.history:
        print(f"{when:10.3f} {text}")
    print("\n".join(broken) or "all laws hold")
    return int(bool(broken))


def main() -> int:
    """Run the command line; 1 when a law was broken."""
    parser = argparse.ArgumentParser(description="Play outages from seeds.")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first, or the one")
    parser.add_argument("--jobs", type=int, help="processes; one for each core")
    parser.add_argument("--world", choices=sorted(KINDS), help="only this kind")
    arguments = parser.parse_args()
    kinds = [arguments.world] if arguments.world else list(KINDS)
    if arguments.seeds is None:
        return max(show(kind, arguments.seed) for kind in kinds)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    starts = range(0, len(seeds), BLOCK_SEEDS)
    blocks = [(kind, seeds[at : at + BLOCK_SEEDS]) for at in starts for kind in kinds]
    sums: Counter[str] = Counter()
    with Pool(arguments.jobs) as pool:
        for counts, broken_seeds in pool.imap_unordered(play_block, blocks):
            sums.update(counts)
            for name, law in broken_seeds.items():
                print(f"{name}: {law}", flush=True)
            if sums["failed"] >= 20:
                break
    print(
        f"{sums['seeds']} worlds, {sums['sessions']} connections, {sums['losses']} ended "
        f"with records unacknowledged, {sums['records']} records: "
        f"{sums['failed']} worlds broke a law"
    )
    return int(bool(sums["failed"]))


if __name__ == "__main__":
    sys.exit(main())
