"""An older ``@version`` keeps the meaning it had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from helpers.configs import complaints, loaded, warnings
from helpers.programs import compiled

if TYPE_CHECKING:
    from pathlib import Path

LINE = b"<13>Feb  3 09:05:01 web app[7]: hello"


def options(version: str, statement: str) -> Any:
    """Return the options of the first driver of ``statement``."""
    configuration, _ = loaded(f"@version: {version}\n{statement}")
    groups = configuration.sources or configuration.destinations
    return next(iter(groups.values())).drivers[0].options


def sent(version: str, template: str, middle: str = "") -> bytes:
    """Return what an old configuration makes of ``LINE``, or nothing."""
    site = compiled(
        f"@version: {version}\n"
        f"log {{ source {{ input(); }}; {middle} "
        f"destination {{ output(template('{template}')); }}; }};"
    )
    return b"".join(next(iter(site.lines(LINE).values()), []))


@pytest.mark.parametrize(
    ("version", "transport", "port"),
    [
        ("3.2", "udp", 601),
        ("3.2", "tls", 601),
        ("3.2", "tcp", -1),
        ("3.3", "udp", -1),
        ("4.27", "tls", -1),
    ],
)
def test_syslog_had_one_port_for_all_transports(
    version: str, transport: str, port: int
) -> None:
    words = f"transport({transport})"
    if transport == "tls":
        words += " tls(peer-verify(no))"
    found = options(version, f"source s {{ syslog({words}); }};")
    assert found.port == port
    found = options(version, f'destination d {{ syslog("h" {words}); }};')
    assert found.port == port


def test_a_port_that_is_given_stays() -> None:
    found = options("3.2", "source s { syslog(transport(udp) port(5140)); };")
    assert found.port == 5140


@pytest.mark.parametrize("driver", ["unix-dgram", "unix-stream", "pipe"])
def test_local_messages_had_a_host_before_3_2(driver: str) -> None:
    old = options("3.1", f'source s {{ {driver}("/x"); }};')
    new = options("3.2", f'source s {{ {driver}("/x"); }};')
    assert "expect-hostname" in old.flags
    assert "expect-hostname" not in new.flags


def test_the_last_of_two_statements_counted_before_3_3() -> None:
    text = "destination d { file('/a'); }; destination d { file('/b'); };"
    assert options("3.2", text).path.text == "/b"
    assert complaints(f"@version: 3.3\n{text}")


@pytest.mark.parametrize(
    ("version", "text"),
    [("3.4", "$$5 $HOST n"), ("3.5", "\\$5 $HOST \\n"), ("4.27", "\\$5 $HOST \\n")],
)
def test_backslashes_in_templates_were_escapes_before_3_5(
    version: str, text: str
) -> None:
    written = r"\$5 $HOST \n"
    configuration, _ = loaded(f"@version: {version}\ntemplate t '{written}';")
    assert configuration.templates["t"].text == text
    found = options(version, f"destination d {{ file('/x' template('{written}')); }};")
    assert found.template.text == text


def test_signs_compared_text_before_3_8() -> None:
    assert not sent("3.7", "$PID", 'filter { "$PID" == "07" };')
    assert sent("3.8", "$PID", 'filter { "$PID" == "07" };') == b"7"
    assert sent("3.7", "$PID", 'filter { "$PID" < "a" };') == b"7"


def test_an_old_include_may_have_backticks(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text('template t "x";\n')
    text = '@version: 3.1\n@define name more\ninclude "`name`.conf";\n'
    configuration, _ = loaded(text, path=tmp_path / "main.conf")
    assert set(configuration.templates) == {"t"}


@pytest.mark.parametrize("quote", ['"', "'"])
def test_include_was_a_statement_before_3_20(tmp_path: Path, quote: str) -> None:
    (tmp_path / "more.conf").write_text('template t "x";\n')
    text = f"@version: 3.19\ninclude {quote}more.conf{quote};\ntemplate u 'y';\n"
    configuration, diagnostics = loaded(text, path=tmp_path / "main.conf")
    assert set(configuration.templates) == {"t", "u"}
    assert configuration.text.count("template") == 2
    assert [item.hint for item in diagnostics.items] == ['write @include "more.conf"']


def test_include_without_an_at_is_an_error_since_3_20(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("source s { stdin(); };\n")
    text = '@version: 3.20\ninclude "more.conf";\nlog { source(s); };\n'
    (only,) = complaints(text, path=tmp_path / "main.conf")
    assert "main.conf:2:1" in only
    assert '@include "more.conf"' in only


def test_context_values_were_text_before_3_21(tmp_path: Path) -> None:
    database = tmp_path / "db.csv"
    database.write_text("app,price,$PID\n")
    parser = (
        "parser { add-contextual-data("
        f'selector("$PROGRAM") database("{database}")); }};'
    )
    assert sent("3.20", "${price}", parser) == b"$PID"
    assert sent("3.21", "${price}", parser) == b"7"


def test_values_have_types_since_4_0() -> None:
    middle = 'rewrite { set(int("7") value("n")); };'
    assert sent("3.38", "$(format-json n=$n)", middle) == b'{"n":"7"}'
    assert sent("4.0", "$(format-json n=$n)", middle) == b'{"n":7}'


@pytest.mark.parametrize(
    ("version", "ratio"), [("3.32", 0.0), ("3.33", 0.1), ("3.38", 0.1), ("4.0", 1.0)]
)
def test_disk_buffers_shrink_more_since_4_0(version: str, ratio: float) -> None:
    text = 'destination d { file("/x" disk-buffer(capacity-bytes(1MiB))); };'
    assert options(version, text).disk_buffer.truncate_size_ratio == ratio


def test_a_global_ratio_counts_for_every_disk_buffer() -> None:
    text = """
        options {{ disk-buffer(truncate-size-ratio(0.5)); }};
        destination d {{ file("/x" disk-buffer(capacity-bytes(1MiB) {})); }};"""
    ratio = "truncate_size_ratio"
    assert getattr(options("4.27", text.format("")).disk_buffer, ratio) == 0.5
    own = text.format("truncate-size-ratio(0.2)")
    assert getattr(options("4.27", own).disk_buffer, ratio) == 0.2


@pytest.mark.parametrize("version", ["3.0", "3.38", "4.0", "4.27"])
def test_defaults_that_never_changed(version: str) -> None:
    """What people take for versioned and the reference has not changed since 3.0."""
    configuration, _ = loaded(f"@version: {version}\noptions {{ }};")
    values: Any = configuration.options
    assert not values.keep_hostname
    assert values.keep_timestamp
    assert values.log_fifo_size == 10_000
    assert values.time_reap == 60
    assert values.time_reopen == 60
    assert values.frac_digits == 0
    assert not values.use_uniqid
    assert not values.chain_hostnames
    source = options(version, "source s { network(); };")
    assert source.log_iw_size == 1000


def test_system_needs_no_library() -> None:
    assert not warnings("@version: 3.8\n@module system-source\nsource s { system(); };")
