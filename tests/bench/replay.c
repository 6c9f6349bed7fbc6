/* SPDX-License-Identifier: MIT */
/*
 * Logs as programs write them, and how soon a reader sees them.
 *
 *   replay lines  --dir DIR --log FILE [--count N] [--seconds S]
 *   replay follow --dir DIR --count N [--interval-us US]
 *
 * `lines` writes each line of FILE with one write(2), from the top again until N are written; with
 * --seconds they are spread over that time in bursts of one to eight, as a build prints them.
 * `follow` is `tail -f`: a reader waits with inotify and reads to the end; the latency is from before
 * the write to after the read that brought the line.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 128

struct options {
	const char *dir;
	const char *log;
	uint64_t count;
	double seconds;
	unsigned interval_us;
};

static void write_all(int fd, const char *bytes, size_t size)
{
	if (write(fd, bytes, size) != (ssize_t)size)
		die("write");
}

static int file_open(const char *dir, const char *name, char *ret_path, size_t path_size)
{
	int fd;

	snprintf(ret_path, path_size, "%s/%s-%d", dir, name, (int)getpid());
	fd = open(ret_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		die(ret_path);
	return fd;
}

static void sleep_until(uint64_t at_ns)
{
	struct timespec at = { (time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		continue;
}

static char *file_load(const char *path, size_t *ret_size)
{
	FILE *in = fopen(path, "re");
	struct stat st;
	char *bytes;

	if (!in || fstat(fileno(in), &st) != 0)
		die(path);
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes || st.st_size == 0 ||
	    fread(bytes, 1, (size_t)st.st_size, in) != (size_t)st.st_size)
		die(path);
	fclose(in);
	*ret_size = (size_t)st.st_size;
	return bytes;
}

static void lines_run(const struct options *options)
{
	static struct histogram latencies;
	uint64_t byte_count = 0, start_ns;
	unsigned burst_left = 0, burst = 0;
	size_t log_size, pos = 0;
	char path[4096], *log = file_load(options->log, &log_size);
	int fd = file_open(options->dir, "lines", path, sizeof(path));

	start_ns = now_ns();
	for (uint64_t i = 0; i < options->count; i++) {
		const char *end = memchr(log + pos, '\n', log_size - pos);
		size_t size = end ? (size_t)(end + 1 - (log + pos)) : log_size - pos;
		uint64_t before_ns;

		if (options->seconds > 0 && burst_left-- == 0) {
			double share = (double)i / (double)options->count;

			sleep_until(start_ns + (uint64_t)(options->seconds * share * 1e9));
			burst_left = burst++ * 5 % 8;
		}
		before_ns = now_ns();
		write_all(fd, log + pos, size);
		histogram_add(&latencies, now_ns() - before_ns);
		byte_count += size;
		pos = pos + size < log_size ? pos + size : 0;
	}
	fputs("{\"mode\": \"lines\", ", stdout);
	measure_print(&latencies, 1, byte_count, (double)(now_ns() - start_ns));
	puts("}");
	close(fd);
	free(log);
}

/* Lines of LINE_SIZE, each begins with the time before its write. */
static void follow_write(const struct options *options, int fd)
{
	char line[LINE_SIZE];
	uint64_t at_ns = now_ns();

	fill_text(line, sizeof(line), 0);
	for (uint64_t i = 0; i < options->count; i++) {
		uint64_t before_ns;

		at_ns += (uint64_t)options->interval_us * 1000;
		sleep_until(at_ns);
		before_ns = now_ns();
		memcpy(line, &before_ns, sizeof(before_ns));
		write_all(fd, line, sizeof(line));
	}
}

static void follow_read(int fd, uint64_t count, struct histogram *latencies)
{
	char lines[64 * LINE_SIZE];
	size_t have = 0;
	ssize_t got;

	while (latencies->total < count) {
		got = read(fd, lines + have, sizeof(lines) - have);
		if (got < 0)
			die("read");
		if (got == 0)
			return;
		have += (size_t)got;
		for (size_t pos = 0; pos + LINE_SIZE <= have; pos += LINE_SIZE) {
			uint64_t before_ns;

			memcpy(&before_ns, lines + pos, sizeof(before_ns));
			histogram_add(latencies, now_ns() - before_ns);
		}
		memmove(lines, lines + have / LINE_SIZE * LINE_SIZE, have % LINE_SIZE);
		have %= LINE_SIZE;
	}
}

static void follow_run(const struct options *options)
{
	static struct histogram latencies;
	char path[4096], events[4096];
	int fd = file_open(options->dir, "follow", path, sizeof(path));
	int read_fd = open(path, O_RDONLY | O_CLOEXEC), watch_fd = inotify_init1(IN_CLOEXEC);
	uint64_t start_ns = now_ns();
	int status;
	pid_t child;

	if (read_fd < 0 || watch_fd < 0 || inotify_add_watch(watch_fd, path, IN_MODIFY) < 0)
		die(path);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		follow_write(options, fd);
		_exit(0);
	}
	while (latencies.total < options->count) {
		if (read(watch_fd, events, sizeof(events)) <= 0)
			die("inotify");
		follow_read(read_fd, options->count, &latencies);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		die("the writing child");
	fputs("{\"mode\": \"follow\", ", stdout);
	measure_print(&latencies, 1, options->count * LINE_SIZE, (double)(now_ns() - start_ns));
	puts("}");
}

static int usage(void)
{
	fputs("usage: replay lines --dir DIR --log FILE [--count N] [--seconds S]\n"
	      "       replay follow --dir DIR --count N [--interval-us US]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "log", required_argument, NULL, 'l' },
		{ "count", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 't' },
		{ "interval-us", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .count = 10000, .interval_us = 1000 };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'd': options.dir = optarg; break;
		case 'l': options.log = optarg; break;
		case 'n': options.count = strtoull(optarg, NULL, 10); break;
		case 't': options.seconds = strtod(optarg, NULL); break;
		case 'i': options.interval_us = (unsigned)atoi(optarg); break;
		default: return usage();
		}
	}
	if (optind + 1 != argc || !options.dir || options.count == 0)
		return usage();
	if (strcmp(argv[optind], "lines") == 0 && options.log)
		lines_run(&options);
	else if (strcmp(argv[optind], "follow") == 0)
		follow_run(&options);
	else
		return usage();
	return 0;
}
