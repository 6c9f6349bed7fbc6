/*
 * The workloads of the benchmarks.  One run, one JSON line on stdout.
 *
 *   writer append --dir DIR --size BYTES (--count N | --seconds S) [--writers N] [--files N]
 *                 [--sync none|fdatasync|dsync] [--reopen] [--append-only] [--name PREFIX]
 *   writer create --dir DIR --size BYTES --count N [--name PREFIX]
 *   writer mixed  --dir DIR --size BYTES --count N [--name PREFIX]
 *   writer read   --file FILE [--block BYTES] [--drop]
 *   writer sha    --size BYTES (--count N | --seconds S) [--writers N]
 *
 * Writers are processes, not threads, as loggers are.  Each times every operation
 * into a histogram in shared memory; they start together.  --count is what one
 * writer does, not all.  With fewer files than writers, they share them in turn.
 * `mixed` appends three times, then reads 4 KiB from somewhere in the same file,
 * through a second descriptor.  --append-only is `chattr +a` for each new file.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITER_COUNT_MAX 64
#define IO_SIZE_MAX (64u << 20)

enum mode { MODE_APPEND, MODE_CREATE, MODE_MIXED, MODE_READ, MODE_SHA, MODE_COUNT };
enum sync_kind { SYNC_NONE, SYNC_FDATASYNC, SYNC_DSYNC, SYNC_COUNT };

static const char *const mode_names[MODE_COUNT] = { "append", "create", "mixed", "read", "sha" };
static const char *const sync_names[SYNC_COUNT] = { "none", "fdatasync", "dsync" };

struct options {
	enum mode mode;
	enum sync_kind sync;
	const char *dir;
	const char *name;
	const char *file;
	size_t size; /* of one append or one read */
	uint64_t count;
	double seconds;
	unsigned writer_count;
	unsigned file_count; /* 0: one for each writer */
	bool is_reopened;
	bool is_dropped;
	bool is_append_only;
};

/* One for each writer, written by it alone. */
struct result {
	struct histogram latencies;
	uint64_t byte_count;
	uint64_t start_ns;
	uint64_t end_ns;
};

struct shared {
	_Atomic unsigned ready_count;
	_Atomic bool is_started;
	struct result results[WRITER_COUNT_MAX];
};

/* --- the work of one writer -------------------------------------------------- */

static bool is_done(const struct options *options, const struct result *result)
{
	if (options->seconds > 0)
		return (double)(now_ns() - result->start_ns) >= options->seconds * 1e9;
	return result->latencies.total >= options->count;
}

/* A short write is not retried: one write(2) is one record, or the figure lies. */
static void write_whole(int fd, const char *buf, size_t size)
{
	ssize_t done = write(fd, buf, size);

	if (done < 0)
		die("write");
	if ((size_t)done != size) {
		fprintf(stderr, "writer: %zd bytes of %zu written\n", done, size);
		exit(3);
	}
}

static int file_open(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		die(path);
	return fd;
}

static void make_append_only(int fd)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		die("FS_IOC_GETFLAGS");
	flags |= FS_APPEND_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0)
		die("FS_IOC_SETFLAGS");
}

static void append_run(const struct options *options, const char *path, const char *buf,
		       struct result *result)
{
	int flags = options->sync == SYNC_DSYNC ? O_DSYNC : 0;
	int fd = file_open(path, flags);

	if (options->is_append_only)
		make_append_only(fd);
	while (!is_done(options, result)) {
		uint64_t before_ns = now_ns();

		if (options->is_reopened) {
			close(fd);
			fd = file_open(path, flags);
		}
		write_whole(fd, buf, options->size);
		if (options->sync == SYNC_FDATASYNC && fdatasync(fd) != 0)
			die("fdatasync");
		histogram_add(&result->latencies, now_ns() - before_ns);
		result->byte_count += options->size;
	}
	if (close(fd) != 0)
		die("close");
}

static void create_run(const struct options *options, const char *prefix, const char *buf,
		       struct result *result)
{
	char path[4096 + 32];

	while (!is_done(options, result)) {
		uint64_t before_ns = now_ns();
		int fd;

		snprintf(path, sizeof(path), "%s-%06llu", prefix,
			 (unsigned long long)result->latencies.total);
		fd = file_open(path, O_EXCL);
		write_whole(fd, buf, options->size);
		if (close(fd) != 0)
			die("close");
		histogram_add(&result->latencies, now_ns() - before_ns);
		result->byte_count += options->size;
	}
}

static void mixed_run(const struct options *options, const char *path, const char *buf,
		      struct result *result)
{
	int fd = file_open(path, 0), read_fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t random = 88172645463325252u;
	char back[4096];

	if (read_fd < 0)
		die(path);
	while (!is_done(options, result)) {
		uint64_t before_ns = now_ns();

		if (result->latencies.total % 4 < 3) {
			write_whole(fd, buf, options->size);
			result->byte_count += options->size;
		} else {
			/* xorshift: the same places for all candidates. */
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			if (pread(read_fd, back, sizeof(back),
				  (off_t)(random % result->byte_count)) <= 0)
				die("pread");
		}
		histogram_add(&result->latencies, now_ns() - before_ns);
	}
	close(read_fd);
	if (close(fd) != 0)
		die("close");
}

/* What there is to reach: libcrypto alone, over a buffer that stays in the processor's cache. */
static void sha_run(const struct options *options, const char *buf, struct result *result)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	while (!is_done(options, result)) {
		uint64_t before_ns = now_ns();

		if (!EVP_Digest(buf, options->size, digest, NULL, EVP_sha256(), NULL))
			die("EVP_Digest");
		histogram_add(&result->latencies, now_ns() - before_ns);
		result->byte_count += options->size;
	}
}

static void start_wait(struct shared *shared)
{
	atomic_fetch_add(&shared->ready_count, 1);
	while (!atomic_load(&shared->is_started))
		usleep(200);
}

static void writer_run(const struct options *options, struct shared *shared, unsigned index)
{
	struct result *result = &shared->results[index];
	char *buf = malloc(options->size);
	char path[4096] = "";

	if (!buf)
		die("malloc");
	/* Touched now. */
	fill_text(buf, options->size, index);
	if (options->dir)
		snprintf(path, sizeof(path), "%s/%s-%u", options->dir, options->name,
			 options->file_count ? index % options->file_count : index);
	start_wait(shared);
	result->start_ns = now_ns();
	if (options->mode == MODE_CREATE)
		create_run(options, path, buf, result);
	else if (options->mode == MODE_MIXED)
		mixed_run(options, path, buf, result);
	else if (options->mode == MODE_SHA)
		sha_run(options, buf, result);
	else
		append_run(options, path, buf, result);
	result->end_ns = now_ns();
	free(buf);
}

/* --- all writers --------------------------------------------------------------- */

static void writers_report(const struct options *options, const struct shared *shared)
{
	static struct histogram all;
	uint64_t byte_count = 0;
	uint64_t start_ns = UINT64_MAX;
	uint64_t end_ns = 0;
	double wall_ns;

	for (unsigned i = 0; i < options->writer_count; i++) {
		const struct result *result = &shared->results[i];

		histogram_merge(&all, &result->latencies);
		byte_count += result->byte_count;
		start_ns = result->start_ns < start_ns ? result->start_ns : start_ns;
		end_ns = result->end_ns > end_ns ? result->end_ns : end_ns;
	}
	wall_ns = (double)(end_ns - start_ns);
	printf("{\"mode\": \"%s\", \"size\": %zu, \"writers\": %u, \"files\": %u, \"sync\": \"%s\", "
	       "\"reopen\": %s, ",
	       mode_names[options->mode], options->size, options->writer_count,
	       options->file_count ? options->file_count : options->writer_count,
	       sync_names[options->sync], options->is_reopened ? "true" : "false");
	measure_print(&all, options->writer_count, byte_count, wall_ns);
	puts("}");
}

static void writers_run(const struct options *options)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool is_failed = false;
	int status;

	if (shared == MAP_FAILED)
		die("mmap");
	for (unsigned i = 0; i < options->writer_count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			writer_run(options, shared, i);
			_exit(0);
		}
	}
	while (atomic_load(&shared->ready_count) < options->writer_count)
		usleep(200);
	atomic_store(&shared->is_started, true);
	while (wait(&status) > 0)
		is_failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	if (is_failed)
		exit(3);
	writers_report(options, shared);
}

/* --- reading --------------------------------------------------------------------- */

static void read_run(const struct options *options)
{
	char *buf = malloc(options->size);
	int fd = open(options->file, O_RDONLY | O_CLOEXEC);
	uint64_t byte_count = 0;
	uint64_t start_ns;
	double wall_ns;
	ssize_t got;

	if (!buf || fd < 0)
		die(options->file);
	memset(buf, 0, options->size);
	if (options->is_dropped && (errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) != 0)
		die("posix_fadvise");
	start_ns = now_ns();
	while ((got = read(fd, buf, options->size)) > 0)
		byte_count += (uint64_t)got;
	if (got < 0)
		die("read");
	wall_ns = (double)(now_ns() - start_ns);
	printf("{\"mode\": \"read\", \"block\": %zu, \"bytes\": %llu, \"seconds\": %.6f, "
	       "\"mb_per_s\": %.2f}\n",
	       options->size, (unsigned long long)byte_count, wall_ns / 1e9,
	       (double)byte_count * 1e3 / wall_ns);
	close(fd);
	free(buf);
}

/* --- main -------------------------------------------------------------------------- */

static int usage(void)
{
	fputs("usage: writer append --dir DIR --size BYTES (--count N | --seconds S) [--writers N]\n"
	      "                     [--files N] [--sync none|fdatasync|dsync] [--reopen]\n"
	      "                     [--append-only] [--name PREFIX]\n"
	      "       writer create --dir DIR --size BYTES --count N [--name PREFIX]\n"
	      "       writer mixed --dir DIR --size BYTES --count N [--name PREFIX]\n"
	      "       writer read --file FILE [--block BYTES] [--drop]\n"
	      "       writer sha --size BYTES (--count N | --seconds S) [--writers N]\n",
	      stderr);
	return 2;
}

/* Returns @count if @name is none of @names. */
static unsigned name_index(const char *name, const char *const *names, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			break;
	return i;
}

static int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "file", required_argument, NULL, 'f' },
		{ "name", required_argument, NULL, 'N' },
		{ "size", required_argument, NULL, 's' },
		{ "block", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 't' },
		{ "writers", required_argument, NULL, 'w' },
		{ "files", required_argument, NULL, 'F' },
		{ "sync", required_argument, NULL, 'y' },
		{ "reopen", no_argument, NULL, 'r' },
		{ "drop", no_argument, NULL, 'x' },
		{ "append-only", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'd': options->dir = optarg; break;
		case 'N': options->name = optarg; break;
		case 'f': options->file = optarg; break;
		case 's': options->size = strtoull(optarg, NULL, 10); break;
		case 'n': options->count = strtoull(optarg, NULL, 10); break;
		case 't': options->seconds = strtod(optarg, NULL); break;
		case 'w': options->writer_count = (unsigned)atoi(optarg); break;
		case 'F': options->file_count = (unsigned)atoi(optarg); break;
		case 'y': options->sync = name_index(optarg, sync_names, SYNC_COUNT); break;
		case 'r': options->is_reopened = true; break;
		case 'x': options->is_dropped = true; break;
		case 'a': options->is_append_only = true; break;
		default: return -1;
		}
	}
	return optind + 1 == argc ? 0 : -1;
}

static bool options_are_good(const struct options *options)
{
	if (options->size == 0 || options->size > IO_SIZE_MAX || options->sync >= SYNC_COUNT)
		return false;
	if (options->writer_count == 0 || options->writer_count > WRITER_COUNT_MAX)
		return false;
	switch (options->mode) {
	case MODE_APPEND: return options->dir && (options->count > 0 || options->seconds > 0);
	case MODE_CREATE:
	case MODE_MIXED: return options->dir && options->count > 0;
	case MODE_READ: return options->file != NULL;
	case MODE_SHA: return options->count > 0 || options->seconds > 0;
	case MODE_COUNT: break;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct options options = { .size = 128 * 1024, .writer_count = 1 };

	if (options_parse(argc, argv, &options) != 0)
		return usage();
	options.mode = name_index(argv[optind], mode_names, MODE_COUNT);
	if (!options_are_good(&options))
		return usage();
	switch (options.mode) {
	case MODE_READ: read_run(&options); break;
	default: writers_run(&options); break;
	}
	return 0;
}
