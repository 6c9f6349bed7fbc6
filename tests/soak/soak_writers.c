/* SPDX-License-Identifier: MIT */
/*
 * Programs that log, each counting what it was promised.
 *
 *   soak_writers work DIR STATE PAUSE_MS      write into DIR until SIGTERM; the counts are in STATE at every moment;
 *                                             who syncs pauses that long between lines
 *   soak_writers check DIR BEFORE AFTER       is in DIR what was promised at BEFORE, and nothing that was not tried by AFTER?
 *
 * BEFORE and AFTER are copies of STATE, taken around a loss of power.  Each writer numbers its lines through all its
 * files, so that a lost line, one too many and one out of order are seen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, TIMES = 4096, PAUSE_MS = 2 };

/* What nobody asked to sync is durable a second later; what is left is for a busy machine. */
#define PROMISE_NS (3 * UINT64_C(1000000000))

enum habit { DSYNC, FDATASYNC, FSYNC, NO_SYNC, FILE_PER_LINE };

static const struct writer {
	const char *name;
	enum habit habit;
	unsigned lines_per_file;
} writers[] = {
	{ "dsync", DSYNC, 300 },       { "other", DSYNC, 50 },     { "fdatasync", FDATASYNC, 300 },
	{ "fsync", FSYNC, 100 },       { "nosync", NO_SYNC, 500 }, { "quick", NO_SYNC, 20 },
	{ "files", FILE_PER_LINE, 1 },
};

enum { WRITERS = sizeof(writers) / sizeof(writers[0]) };

struct counts {
	_Atomic uint64_t tried, promised; /* lines */
};

struct job {
	const struct writer *writer;
	struct counts *counts;
	const char *dir;
	unsigned pause_ms;
	/* Of NO_SYNC: when the line of that number, modulo TIMES, was written. */
	uint64_t times_ns[TIMES];
	uint64_t first_unpromised;
};

static volatile sig_atomic_t is_asked_to_end;

static void on_signal(int number)
{
	(void)number;
	is_asked_to_end = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "soak_writers: %s: %s\n", what, strerror(errno));
	_exit(3);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void line_of(const struct writer *writer, uint64_t number, char line[static LINE + 1])
{
	int size = snprintf(line, LINE + 1, "%s %llu ", writer->name, (unsigned long long)number);

	memset(line + size, '.', (size_t)(LINE - size));
	line[LINE - 1] = '\n';
}

static void path_of(const char *dir, const struct writer *writer, uint64_t number,
		    char path[static 4096])
{
	snprintf(path, 4096, "%s/%s.%08llu", dir, writer->name,
		 (unsigned long long)(number / writer->lines_per_file));
}

/* --- writing --- */

static void promise_by_time(struct job *job, uint64_t written)
{
	uint64_t now = now_ns();

	job->times_ns[written % TIMES] = now;
	while (job->first_unpromised <= written &&
	       now - job->times_ns[job->first_unpromised % TIMES] > PROMISE_NS)
		job->first_unpromised++;
	/* More than the table holds is not followed: the promise is only made later. */
	if (written - job->first_unpromised >= TIMES - 1)
		job->first_unpromised = written;
	else
		job->counts->promised = job->first_unpromised;
}

static void *write_lines(void *ctx)
{
	struct job *job = ctx;
	const struct timespec pause = { job->pause_ms / 1000, job->pause_ms % 1000 * 1000000L };
	const struct writer *w = job->writer;
	int fd = -1;

	for (uint64_t number = 0; !is_asked_to_end; number++) {
		char line[LINE + 1], path[4096];

		if (number % w->lines_per_file == 0) {
			if (fd >= 0)
				close(fd);
			path_of(job->dir, w, number, path);
			fd = open(path,
				  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC |
					  (w->habit == DSYNC ? O_DSYNC : 0),
				  0644);
			if (fd < 0)
				die(path);
		}
		line_of(w, number, line);
		job->counts->tried = number + 1;
		if (write(fd, line, LINE) != LINE)
			die(w->name);
		if ((w->habit == FDATASYNC && fdatasync(fd) != 0) ||
		    ((w->habit == FSYNC || w->habit == FILE_PER_LINE) && fsync(fd) != 0))
			die(w->name);
		if (w->habit == NO_SYNC)
			promise_by_time(job, number);
		else
			job->counts->promised = number + 1;
		nanosleep(&pause, NULL);
	}
	close(fd);
	return NULL;
}

static struct counts *map_counts(const char *path, bool is_new)
{
	size_t size = WRITERS * sizeof(struct counts);
	int fd = open(path, O_RDWR | O_CLOEXEC | (is_new ? O_CREAT : 0), 0600);
	struct counts *counts;

	if (fd < 0 || (is_new && ftruncate(fd, (off_t)size) != 0))
		die(path);
	counts = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		die(path);
	close(fd);
	return counts;
}

static int work(const char *dir, const char *state, unsigned pause_ms)
{
	struct counts *counts = map_counts(state, true);
	static struct job jobs[WRITERS];
	pthread_t ids[WRITERS];

	signal(SIGTERM, on_signal);
	for (unsigned i = 0; i < WRITERS; i++) {
		jobs[i] = (struct job){ .writer = &writers[i], .counts = &counts[i], .dir = dir };
		jobs[i].pause_ms = writers[i].habit == NO_SYNC ? PAUSE_MS : pause_ms;
		if (pthread_create(&ids[i], NULL, write_lines, &jobs[i]) != 0)
			die("thread");
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(ids[i], NULL);
	return 0;
}

/* --- checking --- */

/* Lines from @number on that are in the file that begins with it; exits if they are not what was written. */
static uint64_t lines_in(const char *dir, const struct writer *w, uint64_t number)
{
	char path[4096], expected[LINE + 1], found[LINE];
	uint64_t count = 0;
	ssize_t got;
	int fd;

	path_of(dir, w, number, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		die(path);
	while ((got = read(fd, found, LINE)) == LINE) {
		line_of(w, number + count, expected);
		if (memcmp(found, expected, LINE) != 0) {
			fprintf(stderr, "%s: line %llu is another\n", path,
				(unsigned long long)(number + count));
			_exit(1);
		}
		count++;
	}
	close(fd);
	if (got < 0)
		die(path);
	if (got > 0 || count > w->lines_per_file) {
		fprintf(stderr, "%s: part of a line at its end, or too many\n", path);
		_exit(1);
	}
	return count;
}

static bool check_writer(const char *dir, const struct writer *w, uint64_t promised, uint64_t tried)
{
	uint64_t count = 0, found;

	do {
		found = lines_in(dir, w, count);
		count += found;
	} while (found == w->lines_per_file);
	printf(" %s %llu<=%llu<=%llu", w->name, (unsigned long long)promised,
	       (unsigned long long)count, (unsigned long long)tried);
	return promised <= count && count <= tried;
}

/* Files there must be no others: those behind a gap would not be found by counting. */
static uint64_t count_files(const char *dir)
{
	DIR *list = opendir(dir);
	uint64_t count = 0;
	struct dirent *entry;

	if (!list)
		die(dir);
	while ((entry = readdir(list)))
		count += entry->d_name[0] != '.';
	closedir(list);
	return count;
}

static uint64_t files_of(const char *dir, const struct writer *w)
{
	uint64_t count = 0;
	char path[4096];

	for (;; count++) {
		path_of(dir, w, count * w->lines_per_file, path);
		if (access(path, F_OK) != 0)
			return count;
	}
}

static int check(const char *dir, const char *before, const char *after)
{
	struct counts *promised = map_counts(before, false), *tried = map_counts(after, false);
	uint64_t files = 0;
	bool is_good = true;

	for (unsigned i = 0; i < WRITERS; i++) {
		is_good &= check_writer(dir, &writers[i], promised[i].promised, tried[i].tried);
		files += files_of(dir, &writers[i]);
	}
	printf("\n");
	if (files != count_files(dir)) {
		fprintf(stderr, "%s: files that follow a gap\n", dir);
		is_good = false;
	}
	return is_good ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "work") == 0)
		return work(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "check") == 0)
		return check(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: soak_writers work DIR STATE PAUSE_MS | check DIR BEFORE AFTER\n");
	return 2;
}
