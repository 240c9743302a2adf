"""
What scripts written for syslog-ng rely on, claim by claim, and the tests of each.

``test_drop_in_contract.py`` fails when a claim names no test, or one that is not there.
Tests are ``file::function``, below ``tests/``.
"""

from __future__ import annotations

TABLE = "compat/test_drop_in_table.py"
WIRE = "compat/test_drop_in_transports.py"
HERE = "compat/test_drop_in_contract.py"
BESIDE = "compat/test_ctl_side_by_side.py"
RUN = "integration/test_drop_in.py"
METRICS = "integration/test_metrics.py"
COUNTERS = "integration/test_counters.py"
LOCAL = "integration/test_local_sources.py"
PROXY = "integration/test_proxy_protocol.py"

SYSLOG_NG_OPTIONS: dict[str, tuple[str, str]] = {
    # long option: short one, kind of value
    "--foreground": ("-F", ""),
    "--cfgfile": ("-f", "a.conf"),
    "--persist-file": ("-R", "a.persist"),
    "--pidfile": ("-p", "a.pid"),
    "--control": ("-c", "ctl"),
    "--syntax-only": ("-s", ""),
    "--version": ("-V", ""),
    "--debug": ("-d", ""),
    "--trace": ("-t", ""),
    "--verbose": ("-v", ""),
    "--stderr": ("-e", ""),
    "--startup-debug": ("-r", ""),
    "--preprocess-into": ("-Q", "expanded"),
    "--no-caps": ("", ""),
    "--enable-core": ("", ""),
    "--worker-threads": ("", "4"),
    "--user": ("-u", "root"),
    "--group": ("-g", "root"),
    "--check-startup": ("", ""),
    "--metrics-registry": ("", ""),
}
"""``--chroot`` and ``--interactive`` have tests of their own."""

LOGGEN_OPTIONS: dict[str, str] = {
    "--inet": "",
    "--stream": "",
    "--dont-parse": "",
    "--rate": "1000",
    "--client-port": "0",
    "--active-connections": "1",
    "--idle-connections": "0",
    "--number": "2",
    "--size": "200",
    "--interval": "5",
    "--reconnect": "",
    "--syslog-proto": "",
    "--sdata": '[a@1 b="c"]',
    "--no-framing": "",
}
"""Those of a plain TCP run; TLS, unix sockets, files and proxies have other tests."""

CLAIMS: dict[str, tuple[str, ...]] = {
    # -- the executables ------------------------------------------------------------
    "the process that was started is the daemon, for exactly its life": (
        f"{TABLE}::test_runs_in_the_foreground_and_exits_with_0_after_stop",
        f"{HERE}::test_the_process_that_was_started_lives_as_long_as_the_daemon",
    ),
    "each option in its long forms and its short one": (
        f"{HERE}::test_syslog_ng_takes_the_option_in_all_its_forms",
        f"{TABLE}::test_takes_all_options_of_the_original",
    ),
    "--user and --group: the daemon is theirs after binding": (
        f"{HERE}::test_user_and_group_are_taken_on",
    ),
    "--chroot": (f"{TABLE}::test_a_chroot_is_entered_before_anything_is_read",),
    "--interactive may be refused, and is": (
        f"{HERE}::test_interactive_is_refused_with_the_reason",
    ),
    "an unknown option is an error": (f"{TABLE}::test_an_unknown_option_is_an_error",),
    "--version: two lines that scripts read, without a configuration": (
        f"{TABLE}::test_version_needs_no_configuration",
    ),
    "--syntax-only: 0 when good, nothing bound, written or logged": (
        f"{TABLE}::test_syntax_only_accepts_a_good_configuration_and_touches_nothing",
    ),
    "--syntax-only: 1 when bad": (
        f"{TABLE}::test_syntax_only_fails_with_1_for_a_bad_configuration",
    ),
    "--preprocess-into": (
        f"{TABLE}::test_preprocess_into_writes_the_expanded_configuration",
    ),
    "exit 0 after a stop, in the foreground and in the background": (
        f"{TABLE}::test_runs_in_the_foreground_and_exits_with_0_after_stop",
        f"{TABLE}::test_goes_into_the_background_without_foreground",
    ),
    "what cannot start says so and fails": (
        f"{TABLE}::test_the_background_reports_what_cannot_start",
    ),
    "paths stay relative, the directory never changes": (
        f"{TABLE}::test_paths_stay_relative_to_a_directory_that_never_changes",
        f"{HERE}::test_a_control_socket_may_have_a_long_folder_and_a_short_name",
    ),
    "a stale control socket is replaced": (
        f"{TABLE}::test_a_stale_control_socket_is_replaced",
    ),
    "the persist path carries positions of files": (
        f"{RUN}::test_file_positions_survive_stop_and_start",
    ),
    "the persist path carries which queue is whose": (
        f"{RUN}::test_a_disk_queue_is_found_again_and_shown_by_dqtool",
        f"{WIRE}::test_abandoned_queue_files_are_named",
    ),
    "ports are free at once after a stop": (
        f"{TABLE}::test_ports_can_be_had_again_at_once_after_a_stop",
    ),
    "filterx-jit() may stand in the options": (
        f"{TABLE}::test_the_option_filterx_jit_is_accepted",
    ),
    "it answers stats soon after its start": (
        f"{TABLE}::test_answers_stats_soon_after_it_was_started",
    ),
    # -- console ----------------------------------------------------------------------
    "lines have a time, a text and tags": (
        f"{TABLE}::test_console_lines_have_the_form_of_the_original",
    ),
    "each line is there when it happens": (
        f"{HERE}::test_the_console_is_not_buffered",
    ),
    "start and stop": (f"{TABLE}::test_console_lines_have_the_form_of_the_original",),
    "the three lines of a reload": (f"{TABLE}::test_a_reload_says_so_on_the_console",),
    "a source is suspended when its window is full, and never otherwise": (
        f"{RUN}::test_a_source_is_suspended_only_when_its_window_is_full",
    ),
    "too many clients": (f"{TABLE}::test_too_many_clients_are_reported",),
    "a client connects": (
        f"{TABLE}::test_console_lines_have_the_form_of_the_original",
    ),
    "a bad octet count, with its first ten bytes": (
        f"{TABLE}::test_a_bad_octet_count_is_reported_with_its_first_ten_bytes",
    ),
    "TLS trouble": (f"{RUN}::test_tls_trouble_is_on_the_console_and_counted",),
    "an ordinary disk buffer is loaded once and saved once": (
        f"{RUN}::test_a_disk_queue_is_found_again_and_shown_by_dqtool",
    ),
    # -- syslog-ng-ctl ------------------------------------------------------------------
    "--control before and after the command": (
        f"{TABLE}::test_control_may_stand_before_or_after_the_command",
    ),
    "it fails when nobody listens": (
        f"{TABLE}::test_ctl_fails_when_nobody_listens",
        f"{BESIDE}::test_all_four_pairs_end_with_the_same_status",
    ),
    "one line asks, a line with a dot ends the answer; every request": (
        f"{WIRE}::test_requests_have_the_words_of_the_original",
    ),
    "OK and FAIL are stripped and make the exit status": (
        f"{TABLE}::test_commands_answer_as_the_original",
        f"{TABLE}::test_a_failed_reload_keeps_the_old_configuration",
        f"{BESIDE}::test_a_broken_configuration_is_refused_with_status_1",
    ),
    "every command of the real one does the same with both daemons": (
        f"{BESIDE}::test_all_four_pairs_say_the_same",
        f"{BESIDE}::test_a_stop_ends_both_the_same",
    ),
    "a reload is answered when the new configuration runs": (
        f"{TABLE}::test_reload_answers_when_the_new_configuration_runs",
    ),
    "an unknown command closes the connection": (
        f"{TABLE}::test_an_unknown_command_closes_the_connection",
    ),
    "stats succeeds only when the daemon is ready": (
        f"{WIRE}::test_stats_fails_until_the_daemon_is_ready",
    ),
    "config, its id and its comparison": (f"{TABLE}::test_config_prints_what_runs",),
    "healthcheck": (f"{TABLE}::test_healthcheck_prints_metrics",),
    "the CSV's header and its rows": (
        f"{TABLE}::test_csv_has_the_header_and_rows_of_the_original",
        f"{HERE}::test_every_row_of_the_contract_is_in_the_csv",
        f"{RUN}::test_rows_of_unix_datagrams_exist",
    ),
    "a file has no row before its first message": (
        f"{TABLE}::test_csv_has_the_header_and_rows_of_the_original",
        f"{METRICS}::test_files_have_rows_from_their_first_message_on",
    ),
    "values are those of the moment": (
        f"{TABLE}::test_csv_has_the_header_and_rows_of_the_original",
    ),
    "query with globs": (f"{TABLE}::test_query_knows_globs",),
    "labels are escaped": (f"{WIRE}::test_labels_are_escaped",),
    "input and output events": (
        f"{WIRE}::test_series_have_the_names_of_the_original",
        f"{METRICS}::test_output_events_are_counted_by_result",
    ),
    "named log paths, from the start": (
        f"{WIRE}::test_series_have_the_names_of_the_original",
        f"{METRICS}::test_filters_parsers_and_named_paths_count",
    ),
    "windows of connections at level 4": (
        f"{METRICS}::test_windows_show_at_level_4_for_open_connections",
    ),
    "transport errors by reason": (
        f"{TABLE}::test_a_bad_octet_count_is_reported_with_its_first_ten_bytes",
        f"{RUN}::test_tls_trouble_is_on_the_console_and_counted",
    ),
    "disk queues, abandoned ones marked": (
        f"{RUN}::test_a_disk_queue_is_found_again_and_shown_by_dqtool",
        f"{WIRE}::test_abandoned_queue_files_are_named",
    ),
    "metrics-probe() with exactly its labels": (
        f"{METRICS}::test_metrics_probe_makes_series_with_exactly_its_labels",
    ),
    "every counter is driven and read": (
        f"{COUNTERS}::test_every_counter_is_read_in_a_test",
    ),
    # -- behaviour -------------------------------------------------------------------
    "the first generated message is there before the first answer": (
        f"{RUN}::test_a_generator_has_delivered_before_the_first_control_answer",
        f"{LOCAL}::test_generated_messages_have_the_text_and_values_that_were_asked_for",
    ),
    "tcp": (f"{TABLE}::test_csv_has_the_header_and_rows_of_the_original",),
    "udp": ("integration/test_intake.py::test_udp_datagrams_are_messages",),
    "tls": (f"{RUN}::test_loggen_uses_tls_unix_sockets_and_several_connections",),
    "auto finds octet counts and TLS by connection": (
        f"{WIRE}::test_auto_finds_counted_octets_on_the_connection",
        f"{PROXY}::test_auto_tells_text_counted_octets_and_tls_apart",
    ),
    "text-with-nuls": (f"{PROXY}::test_text_with_nuls_keeps_them",),
    "nul-terminated": (f"{WIRE}::test_nul_ends_a_record_with_nul_terminated",),
    "proxied-tcp, -tls, -tls-passthrough fill five macros and outlive a reload": (
        f"{WIRE}::test_proxied_connections_give_their_macros_and_survive_a_reload",
    ),
    "proxied-udp": (f"{PROXY}::test_datagrams_carry_headers_of_version_two",),
    "both versions of the PROXY protocol": (
        f"{PROXY}::test_a_proxied_client_has_its_own_address",
        f"{RUN}::test_loggen_can_speak_for_a_proxy",
    ),
    "without a header nothing is processed": (
        f"{PROXY}::test_a_client_without_header_is_refused",
        f"{WIRE}::test_a_malformed_proxy_header_lets_nothing_through",
    ),
    "a connection's window is its share, 100 at least": (
        f"{WIRE}::test_a_connection_s_window_is_its_share",
    ),
    "dynamic windows are shared out again and again": (
        f"{PROXY}::test_a_dynamic_window_widens_that_of_a_busy_client",
    ),
    "a window counts what is not acknowledged": (
        f"{RUN}::test_a_source_is_suspended_only_when_its_window_is_full",
    ),
    "follow-freq() of nought and of fractions": (
        f"{RUN}::test_follow_freq_accepts_nought_and_fractions",
    ),
    "impossible values and patterns are configuration errors": (
        f"{RUN}::test_impossible_values_are_configuration_errors",
    ),
    "format-json, format-welf, set-pri()": (
        f"{WIRE}::test_json_and_welf_and_pri_are_as_scripts_know_them",
    ),
    "a name that is only the CN is accepted": (
        f"{WIRE}::test_a_name_that_is_only_the_common_name_is_accepted",
    ),
    "close_notify is answered": (
        f"{WIRE}::test_proxied_connections_give_their_macros_and_survive_a_reload",
    ),
    "a locked key keeps its source closed until the passphrase comes": (
        f"{RUN}::test_a_source_with_a_locked_key_opens_when_the_passphrase_comes",
    ),
    "so-reuseport()": (f"{WIRE}::test_two_sources_share_a_port_with_so_reuseport",),
    # -- tools -----------------------------------------------------------------------
    "dqtool info counts on standard error, also while the daemon runs": (
        f"{RUN}::test_a_disk_queue_is_found_again_and_shown_by_dqtool",
    ),
    "queue files are numbered; the next free number is taken": (
        f"{WIRE}::test_abandoned_queue_files_are_named",
    ),
    "loggen reports its count in its last line": (
        f"{TABLE}::test_loggen_reports_its_count_in_the_last_line",
    ),
    "loggen's options": (
        f"{HERE}::test_loggen_takes_the_option",
        f"{TABLE}::test_loggen_sends_files_and_datagrams",
        f"{RUN}::test_loggen_uses_tls_unix_sockets_and_several_connections",
        f"{RUN}::test_loggen_can_speak_for_a_proxy",
        f"{WIRE}::test_loggen_keeps_rate_interval_port_and_never_ends_when_told_so",
        f"{WIRE}::test_loggen_connects_again_when_told_so",
        f"{HERE}::test_loggen_sends_unix_datagrams",
    ),
    "persist-tool": (
        f"{TABLE}::test_persist_tool_makes_changes_and_shows_a_persist_file",
    ),
    "pdbtool": (f"{TABLE}::test_pdbtool_checks_and_tries_a_database",),
}
