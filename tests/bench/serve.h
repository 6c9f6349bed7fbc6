/* SPDX-License-Identifier: MIT */
/*
 * What the file systems of the benchmarks share: how they are mounted, what they ask the
 * kernel for, and how they wait for requests.
 *
 * Both ask for exactly what the driver asks for (direct I/O for writers, requests of 1 MiB,
 * no asynchronous direct I/O, no writeback cache, default_permissions, long timeouts, a FLUSH
 * at each close), so that what differs is what they do.  Such a program stays in the
 * foreground, prints "ready" when mounted and ends when it is unmounted.
 */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#define FUSE_USE_VERSION 312

#include <fuse3/fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>

#define SERVE_WRITE_SIZE_MAX (1u << 20)
#define SERVE_TIMEOUT_S 86400.0

#define SERVE_USAGE                                                        \
	"[--loop mt|single|fixed] [--threads N] [--idle N] [--clone-fd]\n" \
	"               [--spin-us N [--yield] [--back-off]]"

enum serve_loop {
	SERVE_LOOP_MT,     /* fuse_session_loop_mt */
	SERVE_LOOP_SINGLE, /* fuse_session_loop */
	SERVE_LOOP_FIXED,  /* a fixed number of threads of ours */
};

struct serve_options {
	enum serve_loop loop;
	bool has_clone_fd;
	unsigned thread_count_max;
	unsigned idle_count_max; /* UINT32_MAX: threads are never ended */
	unsigned spin_us;
	bool is_yielding;    /* between two looks, let others run */
	bool is_backing_off; /* after a vain spin, skip ever more of them */
};

/* As the driver waits for requests (NOTES.md). */
#define SERVE_OPTIONS_DEFAULT                                        \
	{                                                            \
		.thread_count_max = 10, .idle_count_max = UINT32_MAX \
	}

/* For getopt_long(): the loop's options, and the code with which serve_option() takes each. */
#define SERVE_LONG_OPTIONS                                                                        \
	{ "loop", required_argument, NULL, 'l' }, { "threads", required_argument, NULL, 't' },    \
		{ "idle", required_argument, NULL, 'i' }, { "clone-fd", no_argument, NULL, 'c' }, \
		{ "spin-us", required_argument, NULL, 's' }, { "yield", no_argument, NULL, 'y' }, \
	{                                                                                         \
		"back-off", no_argument, NULL, 'b'                                                \
	}

/* false: not one of the loop's options, or a value that is none. */
bool serve_option(struct serve_options *options, int code, const char *value);

/* For the INIT handler. */
void serve_init(struct fuse_conn_info *conn);

/* As the driver does it: who writes bypasses the page cache, who reads uses it and keeps it. */
void serve_handle(struct fuse_file_info *info);

/*
 * Mount at @mountpoint as @name, serve until unmounted.  Returns what main() returns.
 * @userdata: for the handlers.
 */
int serve(const char *name, const char *mountpoint, const struct serve_options *options,
	  const struct fuse_lowlevel_ops *operations, size_t operations_size, void *userdata);

#endif
