"""
Play many seeds: ``python tests/sim/run.py --seeds N [--seed FIRST]``.

With ``--seed S`` alone one world is played and its history printed.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sim.auditor import broken_laws
from sim.simulator import World


def play(seed: int) -> tuple[World, list[str]]:
    """Play one seed; an exception breaks the law that there are none."""
    world = World(seed)
    try:
        world.run()
    except Exception:
        return world, [traceback.format_exc()]
    return world, broken_laws(world)


def main() -> int:
    """Run the command line; 1 when a law was broken."""
    parser = argparse.ArgumentParser(description="Play outages from seeds.")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first, or the one")
    arguments = parser.parse_args()
    if arguments.seeds is None:
        world, broken = play(arguments.seed)
        print(world.plan)
        for when, text in world.history:
            print(f"{when:10.3f} {text}")
        print("\n".join(broken) or "all laws hold")
        return int(bool(broken))
    failed = 0
    losses = sessions = records = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        world, broken = play(seed)
        losses += len(world.losses)
        sessions += len(world.sessions)
        records += len(world.accepted)
        if broken:
            failed += 1
            print(f"seed {seed}: {broken[0]}")
            if failed >= 20:
                break
    print(
        f"{arguments.seeds} seeds, {sessions} connections, {losses} ended with records "
        f"unacknowledged, {records} records: {failed} seeds broke a law"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
