"""From the options of an ``http()`` driver to the plans of its policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.destinations.http.options import (
    BackoffOptions,
    HealthCheckOptions,
    HttpDestinationOptions,
)
from logferry.destinations.http.tls import context_of
from logferry.policy.backoff import Backoff
from logferry.policy.balancer import BalancerPlan, ProbePlan
from logferry.policy.batching import BatchingPlan
from logferry.policy.health import HealthPlan
from logferry.policy.pool import ServerPlan
from logferry.policy.retry import OnReject, RetryPlan
from logferry.policy.share import Balance

if TYPE_CHECKING:
    import ssl

    from logferry.config.nodes import Spec
    from logferry.destinations.http.options import HttpTlsOptions

__all__ = ["Setup", "persist_name"]

_HELD_BATCHES = 64
"""Keys that come in turns: so many full batches are collected before one must go."""


def persist_name(options: HttpDestinationOptions) -> str:
    """Return the reference's name of the queue and the state of a driver."""
    if options.persist_name:
        return f"http.{options.persist_name}"
    return f"http({options.targets()[0].url[0].name},)"


class Setup:
    """The plans of one destination."""

    def __init__(self, spec: Spec) -> None:
        self.options = cast("HttpDestinationOptions", spec.options)
        self.targets = self.options.targets()

    @property
    def names(self) -> tuple[str, ...]:
        """The targets' names: their URLs without credentials."""
        return tuple(target.url[0].name for target in self.targets)

    def health_check(self) -> HealthCheckOptions | None:
        """Return ``health-check()``, if given."""
        return cast("HealthCheckOptions | None", self.options.health_check)

    def _reopen(self) -> Backoff:
        options = self.options
        backoff = cast("BackoffOptions | None", options.backoff)
        if backoff is None:
            return Backoff(options.time_reopen, options.time_reopen)
        longest = backoff.max if "max" in backoff.given else options.time_reopen
        return Backoff(
            min(backoff.initial, longest), longest, backoff.multiplier, backoff.jitter
        )

    def balancer(self) -> BalancerPlan:
        """Return how to balance."""
        options, check = self.options, self.health_check()
        fall = options.fail_threshold
        if check is not None and "fall" in check.given:
            fall = check.fall
        return BalancerPlan(
            targets=tuple(
                ServerPlan(name, tier=target.tier, weight=target.weight)
                for name, target in zip(self.names, self.targets, strict=True)
            ),
            workers=options.workers.least,
            balance=Balance(options.balance),
            health=HealthPlan(
                fall=fall,
                rise=1 if check is None else check.rise,
                backoff=self._reopen(),
            ),
            ejected_share_max=options.max_ejected,
            slow_start_s=options.slow_start,
            probe=None if check is None else ProbePlan(check.interval, check.jitter),
        )

    def retry(self) -> RetryPlan:
        """Return how to go on after a failure."""
        options = self.options
        return RetryPlan(
            on_reject=OnReject(options.on_reject),
            retries=options.retries,
            reopen_s=options.time_reopen,
            pause=Backoff(min(0.5, options.time_reopen), options.time_reopen),
        )

    def batching(self) -> BatchingPlan:
        """Return when a batch is complete."""
        options = self.options
        count_max = options.count_max()
        return BatchingPlan(
            count_max=count_max,
            bytes_max=options.bytes_max(),
            timeout_s=options.batch_timeout if options.is_batched else 0.0,
            idle_s=options.batch_idle_timeout if options.is_batched else 0.0,
            held_max=max(_HELD_BATCHES * min(count_max, 10_000), 1000),
            few=options.workers.most,
        )

    def token_context(self) -> ssl.SSLContext | None:
        """Return how to connect to where tokens come from, if they do."""
        if self.options.cloud_auth is None:
            return None
        return context_of(self.options.tls_options())

    def contexts(self) -> list[ssl.SSLContext | None]:
        """
        Return how to connect to each target.

        Raises ``TlsFailed`` when a file cannot be used.
        """
        return [
            context_of(
                cast("HttpTlsOptions", target.tls)
                if target.tls is not None
                else self.options.tls_options()
            )
            if target.url[0].is_tls or self.options.accept_redirects
            else None
            for target in self.targets
        ]
