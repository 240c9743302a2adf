"""
What the documents on failover and on load balancing promise, and which test shows it.

Each row is one sentence of the documents that the product was asked for, in our words,
with the tests that try to refute it. A test that is renamed or deleted fails here; a
promise without a test cannot be written down.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SEEDS = "integration/test_failover_seeds.py"
HTTP = "integration/test_http_seed.py"
TLS = "integration/test_tls.py"
OPTIONS = "integration/test_failover_options.py"
TARGETS = "integration/test_http_targets.py"
POLICY = "unit/policy/test_failover.py"
PROBER = "unit/policy/test_prober.py"
BALANCER = "unit/policy/test_balancer.py"

FAILOVER = {
    "a server that becomes inaccessible is noticed, and a secondary gets the messages": [
        f"{SEEDS}::test_detects_that_a_server_becomes_inaccessible_and_sends_to_a_secondary",
        f"{SEEDS}::test_a_loss_is_noticed_at_once_also_when_nothing_is_sent",
    ],
    "if the secondary becomes inaccessible too, the third server is next, and so on": [
        f"{SEEDS}::test_if_the_secondary_becomes_inaccessible_it_switches_to_the_third_server",
    ],
    "after the last of the list comes its beginning, the primary": [
        f"{SEEDS}::test_with_no_more_failover_servers_left_it_returns_to_the_beginning_of_the_list",
    ],
    "the address in the driver is the primary, and it comes first at every start": [
        f"{SEEDS}::test_when_it_starts_up_it_always_connects_to_the_primary_server_first",
    ],
    "a restart begins with the primary": [
        f"{SEEDS}::test_if_it_is_restarted_it_attempts_to_connect_the_primary_server",
    ],
    "without failback() nobody returns to the primary, also when it is there again": [
        f"{SEEDS}::test_round_robin_does_not_attempt_to_return_even_if_the_primary_is_available",
    ],
    "without failback() the list goes round": [
        f"{SEEDS}::test_if_a_failover_server_fails_it_connects_the_next_one_in_round_robin_fashion",
    ],
    "with failback() the primary is probed every tcp-probe-interval() seconds": [
        f"{SEEDS}::test_failback_probes_the_primary_and_the_last_probe_becomes_the_connection",
        f"{POLICY}::test_sends_a_probe_every_interval",
    ],
    "a TCP connection is a good probe; TLS servers are asked for more by default": [
        "integration/test_connect.py::test_a_bare_probe_connects_and_hangs_up",
        f"{OPTIONS}::test_by_default_every_probe_of_a_tls_server_is_a_handshake",
    ],
    "after successful-probes-required() good probes the last one is the connection": [
        f"{SEEDS}::test_failback_probes_the_primary_and_the_last_probe_becomes_the_connection",
        f"{POLICY}::test_becomes_primary_with_the_connection_of_the_last_required_probe",
    ],
    "a failed probe begins the count anew": [
        f"{SEEDS}::test_a_failed_probe_starts_the_count_anew",
    ],
    "the result of a probe is awaited; a slow one delays the next": [
        f"{POLICY}::test_next_probe_waits_for_the_result_of_the_last_one",
        f"{PROBER}::test_probe_that_took_longer_than_the_interval_is_followed_at_once",
    ],
    "messages go on to the secondary meanwhile": [
        f"{SEEDS}::test_messages_go_to_the_secondary_while_the_primary_is_probed",
    ],
    "tcp-probe-interval() is 60 seconds and successful-probes-required() 3 by default": [
        f"{SEEDS}::test_empty_failback_and_empty_parentheses_mean_60_seconds_and_3_probes",
    ],
    "time-reopen(), 60 seconds, passes before the next server": [
        f"{SEEDS}::test_it_waits_time_reopen_before_it_switches_to_the_next_server",
        f"{SEEDS}::test_the_default_of_time_reopen_is_60_seconds",
    ],
    "servers() is a list with commas, empty by default": [
        f"{SEEDS}::test_servers_are_separated_by_commas_or_spaces",
        f"{SEEDS}::test_the_default_of_time_reopen_is_60_seconds",
    ],
    "failover servers are on the primary's port, with the primary's transport": [
        f"{SEEDS}::test_detects_that_a_server_becomes_inaccessible_and_sends_to_a_secondary",
        f"{TLS}::test_each_servers_certificate_is_checked_against_its_own_address",
    ],
    "the certificate of each server is checked against its own name or address": [
        f"{TLS}::test_each_servers_certificate_is_checked_against_its_own_address",
    ],
    "the same client certificate goes to all": [
        f"{TLS}::test_the_same_client_certificate_is_sent_to_every_server",
    ],
    "UDP has no failover": [
        f"{SEEDS}::test_udp_with_failover_is_a_configuration_error_that_says_why",
    ],
    "network() and syslog() take the examples of the documents as they are": [
        f"{SEEDS}::test_the_documents_examples_load_unchanged",
    ],
}

BALANCING = {
    "messages are spread over all URLs": [
        f"{HTTP}::test_distributes_messages_across_multiple_http_endpoints",
    ],
    "work is spread evenly over all operational endpoints; there are no weights in url()": [
        f"{BALANCER}::test_distributes_processing_tasks_evenly_across_all_operational_endpoints",
        f"{HTTP}::test_distributes_messages_across_multiple_http_endpoints",
    ],
    "each worker keeps its connection between requests": [
        f"{HTTP}::test_each_worker_keeps_its_http_connection_open_between_requests",
        f"{BALANCER}::test_each_worker_stays_with_its_endpoint_between_requests",
    ],
    "workers of a failed endpoint are reassigned at once": [
        f"{BALANCER}::test_if_an_endpoint_fails_its_workers_are_immediately_reassigned",
        f"{HTTP}::test_workers_of_a_failed_endpoint_move_and_return_when_it_recovers",
    ],
    "connection errors, 4xx, 5xx and time-outs are failures; others get the messages": [
        f"{HTTP}::test_if_an_endpoint_fails_messages_are_retried_on_alternative_endpoints",
        f"{HTTP}::test_a_refused_connection_fails_over",
    ],
    "a failed endpoint is tried again when the recovery timeout is over": [
        f"{HTTP}::test_after_the_recovery_timeout_the_endpoint_is_tried_and_restored",
        f"{BALANCER}::test_after_the_recovery_timeout_a_delivery_to_the_failed_endpoint_is_attempted",
    ],
    "success restores it at once, and workers are balanced again": [
        f"{BALANCER}::test_when_a_failed_endpoint_recovers_workers_are_rebalanced_to_include_it",
        f"{HTTP}::test_workers_of_a_failed_endpoint_move_and_return_when_it_recovers",
    ],
    "if it fails again, the next attempt is a recovery timeout later, never longer": [
        f"{HTTP}::test_a_failed_recovery_attempt_schedules_the_next_one",
        f"{BALANCER}::test_if_the_attempt_fails_another_is_scheduled_after_the_recovery_timeout",
    ],
    "the recovery timeout is time-reopen(), 60 seconds by default": [
        "unit/destinations/http/test_options.py::test_the_recovery_timeout_is_sixty_seconds",
        f"{HTTP}::test_the_documents_configurations_load_and_the_recovery_timeout_is_60_seconds",
    ],
    "while all endpoints are down messages wait; any that recovers gets them": [
        f"{HTTP}::test_all_endpoints_down_queues_and_resumes_when_any_recovers",
        f"{BALANCER}::test_delivery_resumes_when_any_endpoint_recovers",
    ],
    "a disk buffer keeps messages over outages": [
        "integration/test_http_daemon.py::test_a_reliable_disk_buffer_survives_kill_9",
    ],
    "templates make URLs from messages, and values are URL-encoded": [
        f"{HTTP}::test_templates_in_path_and_query_are_url_encoded",
    ],
    "scheme, host, port and credentials of a URL take no templates": [
        f"{HTTP}::test_templates_elsewhere_are_a_configuration_error_that_names_the_part",
    ],
    "a static URL is not formatted for each message": [
        f"{HTTP}::test_a_static_url_costs_no_formatting",
    ],
    "with one worker messages keep their order; with several they need not": [
        f"{HTTP}::test_one_worker_keeps_the_order",
    ],
    "nobody looks after idle endpoints, unless health-check() is asked for": [
        f"{TARGETS}::test_a_health_check_takes_an_idle_target_out_and_brings_it_back",
        f"{HTTP}::test_after_the_recovery_timeout_the_endpoint_is_tried_and_restored",
    ],
    "fewer workers than URLs are too few, and that is said": [
        f"{HTTP}::test_fewer_workers_than_urls_is_a_warning",
    ],
    "several URLs want a persist-name(), and that is said": [
        f"{HTTP}::test_several_urls_without_persist_name_are_a_warning",
    ],
    "with persist-name() no message is lost when URLs change": [
        f"{HTTP}::test_persist_name_keeps_the_queue_when_urls_change",
        f"{HTTP}::test_persist_name_keeps_the_state_of_targets",
    ],
    "messages of one URL travel together; a batch never mixes URLs": [
        f"{HTTP}::test_a_batch_never_mixes_urls",
    ],
    "the examples of the document load as they are": [
        f"{HTTP}::test_the_documents_configurations_load_and_the_recovery_timeout_is_60_seconds",
    ],
}


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the names of the tests in a file that are not skipped for good."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, functions)
        and node.name.startswith("test_")
        and not any("skip(" in ast.unparse(item) for item in node.decorator_list)
    )


@pytest.mark.parametrize("promise", [*FAILOVER, *BALANCING])
def test_each_promise_of_the_documents_has_its_tests(promise: str):
    tests = {**FAILOVER, **BALANCING}[promise]
    assert tests
    for test in tests:
        path, _, name = test.partition("::")
        assert name in names_in(TESTS / path), test


@pytest.mark.parametrize(
    ("path", "promises"),
    [(SEEDS, FAILOVER), (HTTP, BALANCING)],
    ids=["failover", "balancing"],
)
def test_each_test_of_the_documents_stands_for_a_promise(path: str, promises: dict):
    beyond = {  # what we promise ourselves, in the same scenes
        "test_with_failback_the_primary_is_left_to_the_prober",
        "test_what_was_queued_while_all_servers_were_down_is_sent_to_the_next_one",
        "test_after_a_reset_exactly_what_the_dead_kernel_had_not_acknowledged_is_sent",
        "test_urls_may_be_separated_by_spaces_in_one_string",
    }
    named = {
        test.partition("::")[2]
        for tests in promises.values()
        for test in tests
        if test.startswith(path)
    }
    assert names_in(TESTS / path) - beyond == named
