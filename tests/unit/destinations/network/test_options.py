"""What the options of failover come to, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from logferry.config.load import load_configuration
from logferry.config.nodes import Spec
from logferry.daemon.registry import default_registry
from logferry.destinations.network.setup import Setup
from logferry.errors import ConfigError
from logferry.policy.backoff import Backoff
from logferry.policy.failover import ServerPlan, Strategy
from logferry.policy.prober import ProbePlan
from logferry.telemetry.events import Event


def load(driver: str) -> tuple[Spec, list[str]]:
    text = (
        f"@version: 4.27\ndestination d {{ {driver}; }};\nlog {{ destination(d); }};\n"
    )
    configuration, diagnostics = load_configuration(
        Path("c.conf"),
        default_registry(),
        {},
        text,
    )
    spec = configuration.destinations["d"].drivers[0]
    return spec, [str(item) for item in diagnostics.items]


def setup(driver: str) -> Setup:
    spec, warnings = load(driver)
    assert warnings == []
    return Setup(spec)


def complaint(driver: str) -> str:
    """Return what is said about ``driver``, error or warning."""
    try:
        _, warnings = load(driver)
    except ConfigError as error:
        return str(error)
    assert len(warnings) == 1, warnings
    return warnings[0]


def test_old_configurations_mean_what_they_meant():
    plan = setup('network("a" failover(servers("b") failback()))').plan()
    assert plan.servers == (ServerPlan("a"), ServerPlan("b"))
    assert plan.reopen_delay_s == 60
    assert plan.probes == ProbePlan(60, 3, jitter=0, is_bare=False)
    assert (plan.backoff, plan.hold_time_s) == (None, 0)
    assert plan.returns_to_best is False
    assert plan.strategy is Strategy.ROUND_ROBIN


def test_options_reach_the_plan():
    plan = setup(
        'network("a" time-reopen(7) backoff(initial(1) max(9) multiplier(3) jitter(0.1)) '
        'failover(servers("b") strategy(ordered) failback(tcp-probe-interval(5) '
        "successful-probes-required(2) to(best) jitter(0.2) hold-time(8) "
        "hold-time-max(80))))"
    ).plan()
    assert plan.reopen_delay_s == 7
    assert plan.backoff == Backoff(1, 9, 3, 0.1)
    assert plan.probes == ProbePlan(5, 2, 0.2)
    assert plan.returns_to_best
    assert (plan.hold_time_s, plan.hold_time_max_s) == (8, 80)
    assert plan.strategy is Strategy.ORDERED


def test_backoff_without_anything_has_its_defaults():
    assert setup('network("a" backoff())').plan().backoff == Backoff(0.5, 60, 2, 0.5)


def test_probe_tcp_makes_probes_bare():
    plan = setup(
        'network("a" transport(tls) tls(peer-verify(no)) '
        'failover(servers("b") failback(probe(tcp))))'
    ).plan()
    assert plan.probes is not None
    assert plan.probes.is_bare


def test_server_has_what_it_says_and_the_drivers_for_the_rest():
    entries = setup(
        'network("a" port(1000) transport(tls) tls(peer-verify(no)) failover(servers("b") '
        'server("c" port(2000) transport(tcp) tier(2) weight(5)) '
        'server("d" persist("spare")) strategy(weighted)))'
    ).entries
    assert [(item.name, item.port, item.protocol) for item in entries] == [
        ("a", 1000, "tls"),
        ("b", 1000, "tls"),
        ("c", 2000, "tcp"),
        ("spare", 1000, "tls"),
    ]
    assert (entries[2].tier, entries[2].weight) == (2, 5)


def test_port_of_a_syslog_server_follows_its_own_transport():
    entries = setup(
        'syslog("a" failover(server("b" transport(tls) tls(peer-verify(no)))))'
    ).entries
    assert [item.port for item in entries] == [601, 6514]


def test_server_with_the_primarys_address_says_what_is_special_about_the_primary():
    entries = setup(
        'network("a" failover(servers("b") server("a" weight(9)) strategy(weighted)))'
    ).entries
    assert [(item.name, item.weight) for item in entries] == [("a", 9), ("b", 1)]


def test_two_ports_of_one_host_have_names_with_ports():
    entries = setup('network("a" port(1) failover(server("a" port(2)) servers("b")))')
    assert [item.name for item in entries.entries] == ["a:1", "b", "a:2"]


def test_prefixes_make_live_entries():
    entries = setup(
        'network("srv:_s._tcp.x" failover(servers("dns:y" "dns.example")))'
    ).entries
    assert [(item.query, item.is_service, item.is_live) for item in entries] == [
        ("_s._tcp.x", True, True),
        ("y", False, True),
        ("dns.example", False, False),
    ]


def test_all_targets_of_a_balancer_stand_first():
    found = setup(
        'network-load-balancer(targets("a" "b") port(601) failover(servers("c") '
        'server("b" weight(2))))'
    )
    assert [(item.name, item.weight) for item in found.entries] == [
        ("a", 1),
        ("b", 2),
        ("c", 1),
    ]
    assert found.queue_name == "afsocket_dd_qfile(balanced,a,b:601)"


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ('network("a" backoff(initial(5) max(1)))', "less than initial"),
        (
            'network("a" failover(servers("b") failback(hold-time(9) hold-time-max(1))))',
            "less than hold-time",
        ),
        ('network("a" failover(failback()))', "servers() is missing"),
        ('network("a" failover(server("b" transport(tls))))', "needs a tls() block"),
        ('network("a" failover(server("b" weight(2))))', "without strategy(weighted)"),
        (
            'network("a" failover(servers("b") strategy(random) failback()))',
            "failback() has no effect",
        ),
        (
            'network("a" failover(servers("b") failback(probe(tls))))',
            "probe(tls) has no effect",
        ),
        (
            'network("a" failover(servers("b") name-servers("nobody")))',
            "is no address",
        ),
        (
            'network("a" failover(server("b" tls(peer-verify(no)) transport(tcp))))',
            "tls() has no effect",
        ),
        ('udp("a" backoff())', "not available for UDP"),
        ('udp("a" delivery-timeout(3))', "has no effect"),
        ('udp("dns:a")', "not available for UDP"),
        ('network("a" failover(servers("b") failback(jitter(2))))', "from 0 to 1"),
        ("network-load-balancer(port(5))", "targets() is missing"),
        (
            'network-load-balancer(targets("a") transport(udp))',
            "needs transport(tcp) or transport(tls)",
        ),
        (
            'network-load-balancer(targets("a") failover(no))',
            "failover(no) has no effect",
        ),
        (
            'network-load-balancer(targets("a") failover(servers("b") remember(yes)))',
            "remember() has no effect",
        ),
    ],
)
def test_what_cannot_be_is_explained(driver: str, said: str):
    assert said in complaint(driver)


def test_delivery_ack_falls_back_to_handoff_elsewhere_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("logferry.runtime.kernel_ack.is_supported", lambda: False)
    events: list[Event] = []

    class Log:
        def emit(self, event: Event) -> None:
            events.append(event)

    assert setup('network("a")').is_kernel_acked(Log()) is False
    assert [type(event).__name__ for event in events] == ["HandoffOnly"]
    events.clear()
    assert setup('network("a" delivery-ack(handoff))').is_kernel_acked(Log()) is False
    assert events == []
