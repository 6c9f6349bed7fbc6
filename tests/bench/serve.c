/* SPDX-License-Identifier: MIT */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define THREAD_COUNT_MAX 64
#define SKIP_COUNT_MAX 1023

struct server {
	const struct serve_options *options;
	struct fuse_session *session;
};

/*
 * libfuse hands its read and write functions the handlers' userdata, so what they need is here.
 * Only one thread spins: two on two CPUs would leave none for the writer.
 */
static struct {
	struct serve_options options;
	atomic_flag is_spinning;
	unsigned skip_count; /* of the thread that holds is_spinning, as the next */
	unsigned skip_left;
} spin = { .is_spinning = ATOMIC_FLAG_INIT };

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void serve_init(struct fuse_conn_info *conn)
{
	conn->max_write = SERVE_WRITE_SIZE_MAX;
	conn->want &=
		~(unsigned)(FUSE_CAP_ASYNC_DIO | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_READ |
			    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

void serve_handle(struct fuse_file_info *info)
{
	bool is_writing = (info->flags & O_ACCMODE) != O_RDONLY;

	info->direct_io = is_writing;
	info->keep_cache = !is_writing;
	info->noflush = !is_writing;
}

/*
 * Spinning needs reads that do not block, and O_NONBLOCK belongs to the open
 * file; so each thread has a clone of its own with the flag, and answers a
 * request on the descriptor it came from, where alone the kernel looks for it.
 */
static _Thread_local int thread_spin_fd = -1;
static _Thread_local int thread_reply_fd = -1;

static int clone_open(int fd, int flags)
{
	uint32_t source = (uint32_t)fd;
	int clone = open("/dev/fuse", O_RDWR | O_CLOEXEC | flags);

	if (clone >= 0 && ioctl(clone, FUSE_DEV_IOC_CLONE, &source) != 0) {
		close(clone);
		return -1;
	}
	return clone;
}

/* Returns -1 with EAGAIN if nothing came in time. */
static ssize_t read_spinning(void *buf, size_t size)
{
	uint64_t end_ns = now_ns() + (uint64_t)spin.options.spin_us * 1000;
	ssize_t got;

	for (;;) {
		got = read(thread_spin_fd, buf, size);
		if (got >= 0 || errno != EAGAIN || now_ns() >= end_ns)
			return got;
		if (spin.options.is_yielding)
			sched_yield();
	}
}

/*
 * A spin is vain if requests come seldom, or if the spinner itself keeps the
 * writer from the CPU.  Either way the next ones would be vain too.
 */
static ssize_t read_backing_off(void *buf, size_t size)
{
	ssize_t got;

	if (spin.skip_left > 0) {
		spin.skip_left--;
		errno = EAGAIN;
		return -1;
	}
	got = read_spinning(buf, size);
	if (got > 0)
		spin.skip_count = 0;
	else if (spin.options.is_backing_off)
		spin.skip_count =
			spin.skip_count < SKIP_COUNT_MAX ? spin.skip_count * 2 + 1 : SKIP_COUNT_MAX;
	spin.skip_left = spin.skip_count;
	return got;
}

static ssize_t spin_read(int fd, void *buf, size_t size, void *userdata)
{
	ssize_t got;

	(void)userdata;
	if (thread_spin_fd < 0)
		thread_spin_fd = clone_open(fd, O_NONBLOCK);
	if (thread_spin_fd >= 0 && !atomic_flag_test_and_set(&spin.is_spinning)) {
		got = read_backing_off(buf, size);
		atomic_flag_clear(&spin.is_spinning);
		thread_reply_fd = thread_spin_fd;
		if (got >= 0 || errno != EAGAIN)
			return got;
	}
	thread_reply_fd = fd;
	return read(fd, buf, size);
}

static ssize_t spin_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	(void)userdata;
	return writev(thread_reply_fd >= 0 ? thread_reply_fd : fd, iov, count);
}

static void *fixed_worker(void *arg)
{
	struct fuse_session *session = arg;
	struct fuse_buf buf = { .mem = NULL };

	while (!fuse_session_exited(session)) {
		int got = fuse_session_receive_buf(session, &buf);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		fuse_session_process_buf(session, &buf);
	}
	free(buf.mem);
	return NULL;
}

static int loop_fixed(const struct server *server)
{
	pthread_t threads[THREAD_COUNT_MAX];
	unsigned count;

	for (count = 0; count < server->options->thread_count_max; count++)
		if (pthread_create(&threads[count], NULL, fixed_worker, server->session) != 0)
			break;
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return count > 0 ? 0 : -EAGAIN;
}

static int loop_mt(const struct server *server)
{
	const struct serve_options *options = server->options;
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int result;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, options->has_clone_fd);
	fuse_loop_cfg_set_max_threads(config, options->thread_count_max);
	if (options->idle_count_max != UINT32_MAX)
		fuse_loop_cfg_set_idle_threads(config, options->idle_count_max);
	result = fuse_session_loop_mt(server->session, config);
	fuse_loop_cfg_destroy(config);
	return result;
}

static int loop_run(const struct server *server)
{
	switch (server->options->loop) {
	case SERVE_LOOP_MT: return loop_mt(server);
	case SERVE_LOOP_SINGLE: return fuse_session_loop(server->session);
	case SERVE_LOOP_FIXED: return loop_fixed(server);
	}
	return -EINVAL;
}

bool serve_option(struct serve_options *options, int code, const char *value)
{
	static const char *const kinds[] = { "mt", "single", "fixed" };

	switch (code) {
	case 'l':
		for (options->loop = SERVE_LOOP_MT; options->loop <= SERVE_LOOP_FIXED;
		     options->loop++)
			if (strcmp(value, kinds[options->loop]) == 0)
				return true;
		return false;
	case 't':
		options->thread_count_max = (unsigned)atoi(value);
		return options->thread_count_max - 1 < THREAD_COUNT_MAX;
	case 'i': options->idle_count_max = (unsigned)atoi(value); return true;
	case 'c': options->has_clone_fd = true; return true;
	case 's': options->spin_us = (unsigned)atoi(value); return true;
	case 'y': options->is_yielding = true; return true;
	case 'b': options->is_backing_off = true; return true;
	default: return false;
	}
}

static int mount_and_loop(const struct server *server, const char *mountpoint)
{
	static const struct fuse_custom_io spin_io = { .read = spin_read, .writev = spin_writev };
	int result;

	if (fuse_session_mount(server->session, mountpoint) != 0)
		return 1;
	spin.options = *server->options;
	if (server->options->spin_us > 0)
		fuse_session_custom_io(server->session, &spin_io, fuse_session_fd(server->session));
	puts("ready");
	fflush(stdout);
	result = loop_run(server);
	fuse_session_unmount(server->session);
	return result == 0 ? 0 : 1;
}

int serve(const char *name, const char *mountpoint, const struct serve_options *options,
	  const struct fuse_lowlevel_ops *operations, size_t operations_size, void *userdata)
{
	char program[64], mount_options[128];
	static char flag[] = "-o";
	char *fuse_argv[] = { program, flag, mount_options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, fuse_argv);
	struct server server = { .options = options };
	int result;

	snprintf(program, sizeof(program), "%s", name);
	snprintf(mount_options, sizeof(mount_options), "default_permissions,fsname=%s", name);
	server.session = fuse_session_new(&args, operations, operations_size, userdata);
	if (!server.session)
		return 1;
	result = mount_and_loop(&server, mountpoint);
	fuse_session_destroy(server.session);
	fuse_opt_free_args(&args);
	return result;
}
