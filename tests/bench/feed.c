/* SPDX-License-Identifier: MIT */
/*
 * Lines into a log daemon, which acknowledges nothing.
 *
 *   feed journal --size BYTES --count N [--wait] --file JOURNAL -- COMMAND...
 *   feed syslog  --size BYTES --count N [--wait] --file LOG --socket PATH
 *
 * `journal` starts COMMAND, which reads the journal export format from its standard input and writes
 * JOURNAL; `syslog` sends datagrams to a daemon that writes LOG.  Without --wait the lines go as fast
 * as they are taken, and the time ends when the last of them is in the file: what a line costs
 * in bulk.  With --wait each line is sent when the one before is in the file, which is what a
 * write(2) to a file means; the file is watched by a busy loop, so that no wake-up of ours is in the figure.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* systemd's journal-def.h: le64 n_entries in the header of a journal file. */
#define JOURNAL_OFF_ENTRY_COUNT 152
#define JOURNAL_HEADER_SIZE 240
#define LINE_SIZE_MAX 8192
#define PATIENCE_NS UINT64_C(30000000000)

struct options {
	size_t size;
	uint64_t count;
	bool is_waiting;
	const char *file;
	const char *socket;
	char **command;
};

struct sink {
	const struct options *options;
	int fd;      /* to the daemon */
	int file_fd; /* what it writes; -1 until it is there */
	uint64_t size_before;
	const volatile uint64_t *entry_count; /* of a journal, in its header */
	pid_t child;
};

/* The journal comes into being with the first entry. */
static void journal_map(struct sink *sink)
{
	struct stat st;
	char *header;

	sink->file_fd = open(sink->options->file, O_RDONLY | O_CLOEXEC);
	if (sink->file_fd < 0)
		return;
	if (fstat(sink->file_fd, &st) != 0 || st.st_size < JOURNAL_HEADER_SIZE) {
		close(sink->file_fd);
		sink->file_fd = -1;
		return;
	}
	header = mmap(NULL, JOURNAL_HEADER_SIZE, PROT_READ, MAP_SHARED, sink->file_fd, 0);
	if (header == MAP_FAILED)
		die("mmap");
	sink->entry_count = (const volatile void *)(header + JOURNAL_OFF_ENTRY_COUNT);
}

/* How many of our lines are in the file. */
static uint64_t arrived(struct sink *sink)
{
	struct stat st;

	if (sink->options->command) {
		if (!sink->entry_count)
			journal_map(sink);
		return sink->entry_count ? *sink->entry_count : 0;
	}
	if (fstat(sink->file_fd, &st) != 0)
		die("fstat");
	return ((uint64_t)st.st_size - sink->size_before) / sink->options->size;
}

static void wait_for(struct sink *sink, uint64_t count)
{
	uint64_t give_up_ns = now_ns() + PATIENCE_NS;

	while (arrived(sink) < count) {
		if (now_ns() > give_up_ns) {
			errno = ETIMEDOUT;
			die("lines that do not arrive");
		}
		if (!sink->options->is_waiting)
			usleep(200);
	}
}

static void journal_start(struct sink *sink)
{
	int ends[2];

	if (pipe(ends) != 0)
		die("pipe");
	sink->child = fork();
	if (sink->child < 0)
		die("fork");
	if (sink->child == 0) {
		dup2(ends[0], STDIN_FILENO);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(sink->options->command[0], sink->options->command);
		die(sink->options->command[0]);
	}
	close(ends[0]);
	sink->fd = ends[1];
}

static void syslog_start(struct sink *sink)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", sink->options->socket);
	sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sink->fd < 0 || connect(sink->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(sink->options->socket);
	sink->file_fd = open(sink->options->file, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	if (sink->file_fd < 0 || fstat(sink->file_fd, &st) != 0)
		die(sink->options->file);
	sink->size_before = (uint64_t)st.st_size;
}

/* One entry or datagram whose message is so long that the line in the file has options->size. */
static size_t line_make(const struct options *options, uint64_t number, char *ret_line)
{
	struct timespec now;
	size_t size, used;

	if (!options->command) {
		used = (size_t)snprintf(ret_line, LINE_SIZE_MAX, "<13>bench: ");
		size = used + options->size - 1; /* the daemon adds the line feed */
		fill_text(ret_line + used, size - used, 0);
		return size;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	used = (size_t)snprintf(ret_line, LINE_SIZE_MAX,
				"__REALTIME_TIMESTAMP=%llu\n__MONOTONIC_TIMESTAMP=%llu\n"
				"_BOOT_ID=0123456789abcdef0123456789abcdef\nMESSAGE=%08llu",
				(unsigned long long)now.tv_sec * 1000000u +
					(unsigned long long)now.tv_nsec / 1000u,
				(unsigned long long)(now_ns() / 1000u), (unsigned long long)number);
	for (size = used - 8 + options->size - 1; used < size; used++)
		ret_line[used] = (char)(' ' + used * 7 % 95);
	ret_line[used++] = '\n';
	ret_line[used++] = '\n';
	return used;
}

static void run(struct sink *sink)
{
	const struct options *options = sink->options;
	static struct histogram latencies;
	char line[LINE_SIZE_MAX];
	uint64_t start_ns;
	int status;

	if (options->command) {
		/* Its start is not the cost of a line: the first one is not counted. */
		journal_start(sink);
		if (write(sink->fd, line, line_make(options, 0, line)) <= 0)
			die("pipe");
		wait_for(sink, 1);
	} else {
		syslog_start(sink);
	}
	start_ns = now_ns();
	for (uint64_t i = 0; i < options->count; i++) {
		uint64_t before_ns = now_ns();
		size_t size = line_make(options, i, line);

		if (write(sink->fd, line, size) != (ssize_t)size)
			die("the way to the daemon");
		if (options->is_waiting)
			wait_for(sink, i + 1 + (options->command != NULL));
		histogram_add(&latencies, now_ns() - before_ns);
	}
	wait_for(sink, options->count + (options->command != NULL));
	printf("{\"mode\": \"feed\", \"is_waiting\": %s, ", options->is_waiting ? "true" : "false");
	measure_print(&latencies, 1, options->count * options->size, (double)(now_ns() - start_ns));
	puts("}");
	close(sink->fd);
	if (sink->child > 0 && (waitpid(sink->child, &status, 0) != sink->child || status != 0))
		die("the journal's writer");
}

static int usage(void)
{
	fputs("usage: feed journal --size BYTES --count N [--wait] --file JOURNAL -- COMMAND...\n"
	      "       feed syslog --size BYTES --count N [--wait] --file LOG --socket PATH\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "size", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'n' },
		{ "wait", no_argument, NULL, 'w' },
		{ "file", required_argument, NULL, 'f' },
		{ "socket", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .size = LINE_SIZE_MAX };
	struct sink sink = { .options = &options, .fd = -1, .file_fd = -1 };
	bool is_journal;
	int c;

	if (argc < 2)
		return usage();
	is_journal = strcmp(argv[1], "journal") == 0;
	if (!is_journal && strcmp(argv[1], "syslog") != 0)
		return usage();
	argc--;
	argv++;
	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		switch (c) {
		case 's': options.size = strtoull(optarg, NULL, 10); break;
		case 'n': options.count = strtoull(optarg, NULL, 10); break;
		case 'w': options.is_waiting = true; break;
		case 'f': options.file = optarg; break;
		case 'S': options.socket = optarg; break;
		default: return usage();
		}
	}
	if (is_journal && optind < argc)
		options.command = argv + optind;
	if (!options.file || options.count == 0 || options.size < 16 ||
	    options.size > LINE_SIZE_MAX / 2 || (is_journal ? !options.command : !options.socket))
		return usage();
	run(&sink);
	return 0;
}
