"""From the words of syslog-ng-ctl to the line on the control socket."""

from __future__ import annotations

import pytest

from logferry.cli.ctl import UsageError, run_command, to_wire


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("stats", "STATS CSV"),
        ("stats csv", "STATS CSV"),
        ("stats prometheus", "STATS PROMETHEUS"),
        ("stats prometheus --with-legacy-metrics", "STATS PROMETHEUS WITH_LEGACY"),
        ("stats --reset", "RESET_STATS"),
        ("stats -r", "RESET_STATS"),
        ("stats --remove-orphans", "REMOVE_ORPHANED_STATS"),
        ("query list *", "QUERY LIST *"),
        ("query get *", "QUERY GET *"),
        ("query get --sum *", "QUERY GET_SUM *"),
        ("query get * --reset", "QUERY GET_RESET *"),
        ("query --sum --reset get *", "QUERY GET_SUM_RESET *"),
        ("reload", "RELOAD"),
        ("reopen", "REOPEN"),
        ("stop", "STOP"),
        ("log-level", "LOG LEVEL"),
        ("log-level debug", "LOG LEVEL DEBUG"),
        ("verbose", "LOG VERBOSE"),
        ("trace --set=on", "LOG TRACE ON"),
        ("debug -s off", "LOG DEBUG OFF"),
        ("config", "CONFIG GET ORIGINAL"),
        ("config --preprocessed", "CONFIG GET PREPROCESSED"),
        ("config -v", "CONFIG VERIFY"),
        ("config --id", "CONFIG ID"),
        ("list-files", "LISTFILES"),
        ("healthcheck", "HEALTHCHECK"),
        ("credentials status", "PWD status"),
        ("credentials add key.pem secret", "PWD add key.pem secret"),
        ("credentials add --id=key.pem --secret=x", "PWD add key.pem x"),
        ("export-config-graph", "EXPORT_CONFIG_GRAPH"),
        ("show-license-info", "LICENSE"),
        ("pool --json", "POOL --json"),
        ("drain server-a", "DRAIN server-a"),
        ("queues", "QUEUES"),
        ("events", "EVENTS"),
        ("source stop s_net", "SOURCE stop s_net"),
    ],
)
def test_every_command_becomes_its_line(words, line):
    assert " ".join(to_wire(words.split())) == line


@pytest.mark.parametrize(
    "words",
    [
        "",
        "nonsense",
        "stats --nonsense",
        "stats xml",
        "query",
        "query nonsense",
        "verbose --set=maybe",
        "verbose --set",
        "credentials",
        "credentials add",
    ],
)
def test_what_makes_no_sense_is_a_usage_error(words):
    with pytest.raises(UsageError):
        to_wire(words.split())


def test_a_usage_error_shows_the_commands(capsys):
    assert run_command(["nonsense"], "/nowhere") == 1
    shown = capsys.readouterr().err
    assert "Unknown command" in shown
    assert "export-config-graph" in shown


def test_nobody_listening_is_status_1(tmp_path, capsys):
    assert run_command(["stats", f"--control={tmp_path}/x"], "/nowhere") == 1
    assert "Error connecting control socket" in capsys.readouterr().err
