#!/bin/bash
# nginx under load: access log as it comes and through a buffer, error log; SIGUSR1 reopens the
# logs in the middle of it; then a second start.

# shellcheck source=tests/e2e/nginx_lib.sh
source "$(dirname "$0")/nginx_lib.sh"

mount_store strict
# One worker writes each line first here, then there; two would do so in either order.
configure_nginx 1

start_nginx
start_load 1 600
wait_until "some requests" has_requests 100
reopen_nginx
wait_until "more requests" has_requests 200
reopen_nginx
wait_for_load
stop "$nginx" QUIT
compare access.log buffered.log
compare_as by_process error.log

start_nginx
start_load 601 300
wait_for_load
stop "$nginx" QUIT
compare access.log buffered.log
compare_as by_process error.log

every_request_once 900 "$mnt/access.log"
every_request_once 900 "$mnt/buffered.log"
(($(grep -c ' open() ".*/missing/' "$mnt/error.log") == 90)) ||
	fail "error.log: not every request for what is not there"
! grep -E "\[(alert|emerg|crit)\]" "$mnt/error.log" >&2 || fail "nginx complains"
written_by nginx access.log
written_by nginx error.log
finish 0
