# shellcheck shell=bash
# lib.sh, and nginx for the tests that source this: its own prefix, a socket in $TEST_TMPDIR,
# every log twice, on the mount and in the plain folder.
#
#   configure_nginx WORKERS
#   start_nginx            afterwards $nginx is its process
#   start_load FIRST COUNT [CLIENTS [PAUSE_MS]]     in the background; wait_for_load
#   has_requests COUNT     is that many, at least, in the access log of the plain folder?
#   reopen_nginx           by SIGUSR1; returns when the master and its workers do it
#   by_process             a filter for the error log: master and workers write it at once
#   every_request_once COUNT FILE…     requests 1 to COUNT are in FILE…, each once

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need nginx python3
need_room_for_sockets
need_way_for_others

nginx_conf=$TEST_TMPDIR/nginx.conf
nginx_socket=$TEST_TMPDIR/http.sock
nginx=
nginx_worker_count=
load=

configure_nginx() {
	local user=
	nginx_worker_count=$1
	(($(id -u) != 0)) || user="user nobody nogroup;"
	mkdir -p docs/r
	cat >"$nginx_conf" <<-END
		$user
		worker_processes $1;
		pid $TEST_TMPDIR/nginx.pid;
		error_log $mnt/error.log info;
		error_log $plain/error.log info;
		events { worker_connections 64; }
		http {
		    access_log $mnt/access.log combined;
		    access_log $plain/access.log combined;
		    access_log $mnt/buffered.log combined buffer=4k flush=1s;
		    access_log $plain/buffered.log combined buffer=4k flush=1s;
		    client_body_temp_path $TEST_TMPDIR/body;
		    proxy_temp_path $TEST_TMPDIR/proxy;
		    fastcgi_temp_path $TEST_TMPDIR/fastcgi;
		    uwsgi_temp_path $TEST_TMPDIR/uwsgi;
		    scgi_temp_path $TEST_TMPDIR/scgi;
		    server {
		        listen unix:$nginx_socket;
		        root $TEST_TMPDIR/docs;
		        location /r/ { return 200 "served\n"; }
		    }
		}
	END
}

start_nginx() {
	start nginx -p "$TEST_TMPDIR" -c "$nginx_conf" -e "$TEST_TMPDIR/start-error.log" \
		-g "daemon off;"
	nginx=$pid
	wait_until "nginx listens" test -S "$nginx_socket"
}

start_load() {
	python3 "$top/tests/e2e/load.py" "$nginx_socket" "$@" &
	load=$!
	started+=("$load")
}

wait_for_load() { wait "$load" || fail "a request had no good answer"; }

has_requests() { (($(cat "$plain"/access.log* | wc -l) >= $1)); }

reopened_times() { grep -c 'reopening logs' "$plain/error.log" || true; }
has_reopened() { (($(reopened_times) >= $1)); }

reopen_nginx() {
	local before
	before=$(reopened_times)
	kill -s USR1 "$nginx"
	wait_until "nginx has reopened its logs" has_reopened $((before + 1 + nginx_worker_count))
}

# nginx says "exit" in the first of its logs only.
by_process() { grep -v ': exit$' | sort -s -k4,4; }

every_request_once() {
	local count=$1
	shift
	diff <(seq "$count") \
		<(sed -n 's|.*"GET /[a-z]*/\([0-9]*\) HTTP.*|\1|p' "$@" | sort -n) >&2 ||
		fail "a request is missing, or there twice: $*"
}
