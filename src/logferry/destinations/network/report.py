"""How a server of a pool is shown to operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logferry.policy.failover import ServerReport

__all__ = ["describe_server", "until"]


def until(when: float | None, now: float) -> float | None:
    """Return the seconds from ``now`` until ``when``, never less than zero."""
    return None if when is None else max(0.0, when - now)


def describe_server(
    report: ServerReport, now: float, notes: Sequence[str] = ()
) -> dict[str, object]:
    """
    Return one row of ``ctl pool``; durations in seconds, ``None`` for unknown.

    ``notes`` are shown after what the report says itself.
    """
    server = report.server
    probe_due_s = until(report.probe_due_at, now)
    found = ["drained"] if report.is_drained else []
    if report.probe_successes is not None:
        found.append(
            f"{report.probe_successes} of {report.probes_required} good probes"
        )
        if report.probe_successes >= (report.probes_required or 0):
            found.append("hold-time() passes")
        found.append(
            "a probe is under way"
            if probe_due_s is None
            else f"next probe in {probe_due_s:.1f} s"
        )
    return {
        "name": server.name,
        "is_current": report.is_current,
        "is_drained": report.is_drained,
        "tier": server.tier,
        "weight": server.weight,
        "state": str(report.state),
        "since_s": None if report.since is None else max(0.0, now - report.since),
        "why": report.why,
        "probe_successes": report.probe_successes,
        "probes_required": report.probes_required,
        "probe_due_s": probe_due_s,
        "note": ", ".join([*found, *notes]),
    }
