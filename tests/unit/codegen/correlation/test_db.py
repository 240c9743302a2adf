"""``db-parser()`` with contexts and actions, with a clock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.programs import NOW, ORIGIN, Site, compiled, records
from logferry.codegen.correlation.keeping import dump, load
from logferry.errors import ConfigError
from logferry.message.batch import Receipt
from logferry.message.model import UnixNanos

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000
CONTEXT = "context-id='$PROGRAM' context-timeout='5' context-scope='host'"
TIMEOUT = (
    "<actions><action trigger='timeout'><message inherit-properties='TRUE'><values>"
    "<value name='MESSAGE'>ended ${n}@1 $(context-length)</value>"
    "</values></message></action></actions>"
)


def rule(attributes: str, more: str = "", pattern: str = "a @NUMBER:n@") -> str:
    """Return a rule."""
    return (
        f"<rule id='r' class='c' {attributes}><patterns><pattern>{pattern}</pattern>"
        f"</patterns>{more}</rule>"
    )


def write(folder: Path, rules: str) -> None:
    """Write the database anew, as editors do: under another inode."""
    (folder / "new.xml").write_text(
        "<patterndb version='5'><ruleset name='x'><pattern>p</pattern>"
        f"<rules>{rules}</rules></ruleset></patterndb>"
    )
    (folder / "new.xml").replace(folder / "db.xml")


class Scene:
    """A log path with one ``db-parser()``."""

    def __init__(self, folder: Path, rules: str, options: str = "") -> None:
        write(folder, rules)
        self.site: Site = compiled(
            "log { source { input(keep-hostname(yes)); };"
            f' parser {{ db-parser(file("{folder}/db.xml") {options}); }};'
            ' destination { output(template("$MSG;")); }; };'
        )

    def run(self, *texts: str, at_s: int = 0) -> list[bytes]:
        """Return what comes out."""
        stamp = f"2026-11-21T03:{at_s // 60:02}:{at_s % 60:02}+00:00"
        frames = [f"<13>{stamp} h p[1]: {text}".encode() for text in texts]
        now = UnixNanos(NOW + at_s * SECOND)
        found = records(
            self.site.program, self.site.program.frames(frames, ORIGIN, now)
        )
        return [row for rows in found.values() for row in rows]

    def tick(self, at_s: int) -> list[bytes]:
        """Return what comes out because it is ``at_s``."""
        found = self.site.tick(UnixNanos(NOW + at_s * SECOND))
        return [row for rows in found.values() for row in rows]


def test_an_action_follows_the_end_of_a_context_when_nothing_comes(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, rule(CONTEXT, TIMEOUT))

    assert scene.run("a 1", "a 2") == [b"a 1;", b"a 2;"]
    assert scene.tick(5) == []
    assert scene.tick(6) == [b"ended 2 3;"]
    assert scene.tick(60) == []


def test_actions_of_the_last_rule_follow(tmp_path: Path) -> None:
    other = rule(CONTEXT, pattern="b").replace("id='r'", "id='s'")
    scene = Scene(tmp_path, rule(CONTEXT, TIMEOUT) + other)

    scene.run("a 1", "b")

    assert scene.tick(60) == []


def test_a_database_without_contexts_and_actions_is_a_plain_parser(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path, rule(""))

    assert scene.site.stations == ()
    assert "if parse_db(m, m.message):" in scene.site.program.source


def test_contexts_of_rules_wait_on_after_a_restart(tmp_path: Path) -> None:
    before = Scene(tmp_path, rule(CONTEXT, TIMEOUT))
    before.run("a 1")
    after = Scene(tmp_path, rule(CONTEXT, TIMEOUT))

    data = dump(before.site.stations[0].correlator, NOW)
    load(after.site.stations[0].correlator, data, Receipt(0, lambda _: None))

    assert after.run("a 2", at_s=3) == [b"a 2;"]
    assert after.tick(9) == [b"ended 2 3;"]


def test_a_context_whose_rule_is_gone_ends_in_silence(tmp_path: Path) -> None:
    before = Scene(tmp_path, rule(CONTEXT, TIMEOUT))
    before.run("a 1")
    after = Scene(tmp_path, rule(CONTEXT, TIMEOUT).replace("id='r'", "id='s'"))

    data = dump(before.site.stations[0].correlator, NOW)
    load(after.site.stations[0].correlator, data, Receipt(0, lambda _: None))

    assert after.tick(60) == []
    assert len(after.site.stations[0].correlator.contexts) == 0


def test_names_have_the_prefix_and_those_of_actions_have_none(tmp_path: Path) -> None:
    more = "<values><value name='x'>$CONTEXT_ID</value></values>" + TIMEOUT.replace(
        "${n}@1", "${pre.n}@1 ${pre.x}@1 ${.classifier.context_id}@1"
    )
    scene = Scene(tmp_path, rule(CONTEXT, more), 'prefix("pre.")')

    scene.run("a 1")

    assert scene.tick(6) == [b"ended 1 p p 2;"]


def test_values_of_rules_have_types(tmp_path: Path) -> None:
    more = (
        "<values><value name='i' type='int'>7</value><value name='j'>int($n)</value>"
        "<value name='k'>${n}</value><value name='l'>$n.</value></values>"
    )
    scene = Scene(tmp_path, rule(CONTEXT, more))
    it = compiled(
        "log { source { input(); };"
        f' parser {{ db-parser(file("{tmp_path}/db.xml")); }};'
        " destination { output(template("
        '"$(format-json --key i --key j --key k --key l)")); }; };'
    )
    assert scene.site.stations

    found = it.program.frames([b"<13>Nov 21 03:00:00 h p: a 1"], ORIGIN, NOW)

    assert records(it.program, found) == {
        next(iter(it.program.outputs)): [b'{"l":"1.","k":1,"j":1,"i":7}']
    }


def test_a_bad_database_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown trigger"):
        Scene(tmp_path, rule("", "<actions><action trigger='x'/></actions>"))


def test_a_database_with_two_rulesets_of_one_program_has_both(tmp_path: Path) -> None:
    second = rule("", pattern="b").replace("id='r'", "id='s'")
    rules = rule("") + "</rules></ruleset><ruleset><pattern>p</pattern><rules>" + second
    scene = Scene(tmp_path, rules, "drop-unmatched(yes)")

    assert scene.run("a 1", "b", "c") == [b"a 1;", b"b;"]


def test_a_reload_goes_on_with_contexts_under_the_new_rules(tmp_path: Path) -> None:
    condition = TIMEOUT.replace(
        "trigger", 'condition=\'"$(context-length)" == "2"\' trigger'
    )
    before = Scene(tmp_path, rule(CONTEXT, condition))
    before.run("a 1", "a 2")
    after = Scene(tmp_path, rule(CONTEXT, condition.replace("ended", "new")))

    after.site.stations[0].correlator.inherit(before.site.stations[0].correlator)

    assert after.tick(6) == [b"new 2 3;"]


@pytest.mark.parametrize("attributes", ["", CONTEXT])
def test_a_changed_database_is_read_again_within_seconds(
    attributes: str, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, rule(attributes), "drop-unmatched(yes)")
    assert scene.run("a 1", "b") == [b"a 1;"]

    write(tmp_path, rule(attributes, pattern="b"))

    assert scene.run("a 1", "b", at_s=4) == [b"a 1;"]
    assert scene.run("a 1", "b", at_s=5) == [b"b;"]


@pytest.mark.parametrize("rules", ["<rule/>", rule(CONTEXT, pattern="b")])
def test_a_changed_database_that_will_not_do_is_left_alone_and_counted(
    rules: str, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, rule(""), "drop-unmatched(yes)")
    scene.run("a 1")

    write(tmp_path, rules)

    assert scene.run("a 1", "b", at_s=5) == [b"a 1;"]
    [failed] = [
        series
        for series in scene.site.context.metrics
        if series.name == "patterndb_reloads_total"
    ]
    assert dict(failed.labels)["result"] == "failed"
    assert failed.value == 1


def test_a_database_that_is_gone_is_used_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path, rule(""), "drop-unmatched(yes)")

    (tmp_path / "db.xml").unlink()

    assert scene.run("a 1", at_s=5) == [b"a 1;"]
