"""
Play many seeds: ``python tests/sim/run.py --seeds N [--seed FIRST] [--jobs N]``.

Blocks of seeds are dealt out to processes, one for each core. With ``--seed S`` alone one world is played and its history printed.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sim.auditor import broken_laws
from sim.simulator import World

BLOCK_SEEDS = 100


def play(seed: int) -> tuple[World, list[str]]:
    """Play one seed; an exception breaks the law that there are none."""
    world = World(seed)
    try:
        world.run()
    except Exception:
        return world, [traceback.format_exc()]
    return world, broken_laws(world)


def play_block(seeds: Sequence[int]) -> tuple[Counter[str], dict[int, str]]:
    """Play some seeds; return sums, and the first broken law of each that broke one."""
    sums: Counter[str] = Counter()
    broken_seeds = {}
    for seed in seeds:
        world, broken = play(seed)
        sums["seeds"] += 1
        sums["losses"] += len(world.losses)
        sums["sessions"] += len(world.sessions)
        sums["records"] += len(world.accepted)
        if broken:
            sums["failed"] += 1
            broken_seeds[seed] = broken[0]
    return sums, broken_seeds


def main() -> int:
    """Run the command line; 1 when a law was broken."""
    parser = argparse.ArgumentParser(description="Play outages from seeds.")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first, or the one")
    parser.add_argument("--jobs", type=int, help="processes; one for each core")
    arguments = parser.parse_args()
    if arguments.seeds is None:
        world, broken = play(arguments.seed)
        print(world.plan)
        for when, text in world.history:
            print(f"{when:10.3f} {text}")
        print("\n".join(broken) or "all laws hold")
        return int(bool(broken))
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    blocks = [seeds[at : at + BLOCK_SEEDS] for at in range(0, len(seeds), BLOCK_SEEDS)]
    sums: Counter[str] = Counter()
    with Pool(arguments.jobs) as pool:
        for counts, broken_seeds in pool.imap_unordered(play_block, blocks):
            sums.update(counts)
            for seed, law in broken_seeds.items():
                print(f"seed {seed}: {law}", flush=True)
            if sums["failed"] >= 20:
                break
    print(
        f"{sums['seeds']} seeds, {sums['sessions']} connections, {sums['losses']} ended "
        f"with records unacknowledged, {sums['records']} records: "
        f"{sums['failed']} seeds broke a law"
    )
    return int(bool(sums["failed"]))


if __name__ == "__main__":
    sys.exit(main())
