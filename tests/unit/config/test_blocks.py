"""Blocks: parameters, arguments, where they may stand, and the places in messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.configs import complaints, loaded

if TYPE_CHECKING:
    from logferry.config.nodes import Configuration
    from logferry.destinations.network.options import NetworkDestinationOptions


def network(text: str, name: str = "d") -> NetworkDestinationOptions:
    """Return the options of the first driver of destination ``name``."""
    configuration, _ = loaded(text)
    return configuration.destinations[name].drivers[0].options  # type: ignore[return-value]


PEER = 'block destination peer(host("10.0.0.1") port(601) ...) { network("`host`" port(`port`) `__VARARGS__`); };\n'


def test_defaults_stand_where_nothing_is_given() -> None:
    options = network(PEER + "destination d { peer(); };")
    assert (options.host, options.port) == ("10.0.0.1", 601)


def test_arguments_replace_defaults_and_the_rest_is_handed_on() -> None:
    options = network(PEER + 'destination d { peer(host("a") log-fifo-size(7)); };')
    assert (options.host, options.port, options.log_fifo_size) == ("a", 601, 7)


def test_dash_and_underscore_are_the_same_in_arguments() -> None:
    options = network(
        'block destination p(my-host("x")) { network("`my_host`"); };\n'
        'destination d { p(my_host("a")); };'
    )
    assert options.host == "a"


def test_a_mandatory_parameter_is_demanded_where_the_block_is_used() -> None:
    (found,) = complaints(
        'block destination p(host()) { network("`host`"); };\ndestination d { p(); };'
    )
    assert found.startswith("site.conf:3:17: error: p() needs host()")
    assert "site.conf:2:19" in found


def test_empty_quotes_stand_for_nothing() -> None:
    options = network(
        'block destination p(flags("")) { network("a" flags(`flags`)); };\n'
        "destination d { p(); };"
    )
    assert options.flags == frozenset()


def test_an_unknown_argument_is_an_error_with_a_suggestion() -> None:
    (found,) = complaints(
        'block destination p(host("a")) { network("`host`"); };\n'
        'destination d { p(hots("b")); };'
    )
    assert found.startswith("site.conf:3:19: error: block p() has no parameter hots()")
    assert "did you mean 'host'" in found


def test_a_default_may_refer_to_another_argument() -> None:
    options = network(
        'block destination p(port(99) local(`port`)) { network("a" port(`local`)); };\n'
        "destination d { p(); };"
    )
    assert options.port == 99


def test_blocks_use_blocks() -> None:
    options = network(
        PEER
        + 'block destination near(n("1")) { peer(host("10.0.0.`n`") time-reopen(3)); };\n'
        'destination d { near(n("7")); };'
    )
    assert (options.host, options.time_reopen) == ("10.0.0.7", 3.0)


def test_a_quoted_argument_keeps_its_meaning_inside_a_string() -> None:
    options = network(
        """block destination p(t()) { network("a" template("[`t`]\\n")); };
        destination d { p(t('C:\\d "x"')); };"""
    )
    assert options.template is not None
    assert options.template.text == '[C:\\d "x"]\n'


def test_several_words_stay_several_words() -> None:
    options = network(
        'block destination p(s()) { network("a" failover(servers(`s`))); };\n'
        'destination d { p(s("b" c "d")); };'
    )
    assert options.failover is not None
    assert list(options.failover.servers) == ["b", "c", "d"]


@pytest.mark.parametrize(
    "text",
    [
        "block source b() { internal(); };\nsource s { b(); };",
        "block filter b() { level(err) };\nfilter f { not b() and host('a'); };",
        "block rewrite b() { set('x' value('y')); };\nrewrite r { b(); };",
        "block parser b() { json-parser(); };\nparser p { b(); };",
        "block options b(n()) { log-fifo-size(`n`); };\noptions { b(n(5)); };",
        "block log b() { filter { level(err); }; };\nlog { b(); };",
        "block root b() { filter f { level(err); }; };\nb();",
        "block inner-dest b() { port(5) };\ndestination d { network('a' b()); };",
    ],
)
def test_a_block_may_stand_in_every_context(text: str) -> None:
    configuration, diagnostics = loaded(text)
    assert configuration is not None
    assert diagnostics.items == []


def test_a_block_is_known_in_its_own_context_only() -> None:
    (found,) = complaints("block source b() { internal(); };\ndestination d { b(); };")
    assert "unknown destination b()" in found


def test_options_of_a_block_reach_the_global_options() -> None:
    configuration, _ = loaded(
        "block options b(n()) { log-fifo-size(`n`); };\noptions { b(n(5)); };"
    )
    assert configuration.options.log_fifo_size == 5  # type: ignore[attr-defined]


def test_a_mistake_in_a_block_names_the_library_and_the_use() -> None:
    (found,) = complaints(
        'block destination p() {\n  network("a" prot(1));\n};\ndestination d {\n  p();\n};'
    )
    lines = found.splitlines()
    assert lines[0].startswith("site.conf:3:15: error: unknown option prot()")
    assert "  from site.conf:6:3" in lines


def test_a_mistake_in_an_argument_names_the_users_line_first() -> None:
    (found,) = complaints(PEER + 'destination d {\n  peer(host("a") prot(1));\n};')
    lines = found.splitlines()
    assert lines[0].startswith("site.conf:4:18: error: unknown option prot()")
    assert lines[-2].startswith("  from site.conf:2:")
    assert lines[-1].startswith("  from site.conf:4:3")


def test_a_block_that_uses_itself_is_an_error() -> None:
    (found,) = complaints("block source b() { b(); };\nsource s { b(); };")
    assert "blocks nest more than 64 deep" in found
    assert found.startswith("site.conf:3:12")


def test_an_argument_that_refers_to_itself_is_an_error() -> None:
    found = complaints(
        "block destination b(x(`x`)) { network(`x`); };\ndestination d { b(); };"
    )
    assert "nest more than 64 deep" in found[0]


def test_exponential_expansion_is_an_error() -> None:
    text = "block source b0() { internal(); };\n" + "".join(
        f"block source b{n}() {{ b{n - 1}(); b{n - 1}(); }};\n" for n in range(1, 40)
    )
    (found,) = complaints(text + "source s { b39(); };")
    assert "expand to more than" in found


def test_an_unknown_kind_of_block_is_an_error() -> None:
    (found,) = complaints("block sauce b() { internal(); };")
    assert "did you mean 'source'" in found


def test_a_block_without_end_is_found_where_it_opens() -> None:
    (found,) = complaints("block source b() { internal();\nsource s { internal(); };")
    assert found.startswith("site.conf:2:18: error: '{' is not closed")


def program(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "generate.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def drivers(configuration: Configuration, name: str = "d") -> list[str]:
    return [spec.options.host for spec in configuration.destinations[name].drivers]  # type: ignore[attr-defined]


def test_a_program_generates_configuration_from_its_environment(tmp_path: Path) -> None:
    path = program(
        tmp_path, """for h in $confgen_hosts; do echo "network(\\"$h\\");"; done"""
    )
    configuration, _ = loaded(
        f'@module confgen context(destination) name(many) exec("{path}")\n'
        'destination d { many(hosts("a b")); };'
    )
    assert drivers(configuration) == ["a", "b"]


def test_a_generator_that_fails_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    path = program(tmp_path, "echo no such thing >&2; exit 3")
    (found,) = complaints(
        f'@module confgen context(source) name(many) exec("{path}")\nsource s {{ many(); }};'
    )
    assert "ended with 3: no such thing" in found


def test_a_python_function_generates_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_generators.py").write_text(
        "def peers(*, hosts, **more):\n"
        "    passed = ' '.join(f'{n}(`{n}`)' for n in more)\n"
        "    return ''.join(f'network(\"{h}\" {passed});' for h in hosts.split())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        configuration, _ = loaded(
            '@module confgen context(destination) name(many) python("own_generators:peers")\n'
            'destination d { many(hosts("a b") template("$HOST \\"x\\"")); };'
        )
    finally:
        sys.modules.pop("own_generators", None)
    assert drivers(configuration) == ["a", "b"]
    options = configuration.destinations["d"].drivers[1].options
    assert options.template.text == '$HOST "x"'  # type: ignore[attr-defined]


def test_names_of_arguments_are_told_apart_by_case() -> None:
    configuration, _ = loaded(
        '@define PORT "5140"\n'
        'block destination peer(port("`PORT`")) { network("a" port(`port`)); };\n'
        "destination d { peer(); };\ndestination e { peer(port(7)); };"
    )
    ports = [
        configuration.destinations[name].drivers[0].options.port  # type: ignore[attr-defined]
        for name in "de"
    ]
    assert ports == [5140, 7]
