"""How a target of a balancer is shown to operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.policy.health import Fitness

if TYPE_CHECKING:
    from logferry.policy.balancer import TargetReport

__all__ = ["describe_target"]

_STATES = {
    Fitness.HEALTHY: "up",
    Fitness.EJECTED: "failed",
    Fitness.ON_TRIAL: "on trial",
}


def describe_target(report: TargetReport, now: float) -> dict[str, object]:
    """Return one row of ``ctl pool``; durations in seconds, ``None`` for unknown."""
    notes = ["drained"] if report.is_drained else []
    retry_in_s = None
    if report.retry_at is not None:
        retry_in_s = max(0.0, report.retry_at - now)
        notes.append(f"tried again in {retry_in_s:.1f} s")
    if report.seats:
        notes.append(f"{report.seats} {'worker' if report.seats == 1 else 'workers'}")
    if report.in_flight:
        what = "request" if report.in_flight == 1 else "requests"
        notes.append(f"{report.in_flight} {what} under way")
    if report.latency_s:
        notes.append(f"{report.latency_s * 1000:.1f} ms")
    return {
        "name": report.target.name,
        "is_current": report.fitness is Fitness.HEALTHY and not report.is_drained,
        "is_drained": report.is_drained,
        "tier": report.target.tier,
        "weight": report.target.weight,
        "state": _STATES[report.fitness],
        "since_s": max(0.0, now - report.since),
        "why": report.why,
        "retry_in_s": retry_in_s,
        "in_flight": report.in_flight,
        "latency_s": report.latency_s,
        "workers": report.seats,
        "note": ", ".join(notes),
    }
