/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void die(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", path, what, strerror(errno));
	exit(3);
}

void scratch_dir(char *ret_path)
{
	const char *base = getenv("TEST_TMPDIR");

	snprintf(ret_path, PATH_MAX, "%s/inkfs-test.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(ret_path))
		die(ret_path, "mkdtemp");
}

void scratch_dir_in_memory(char *ret_path)
{
	const uint64_t room = 256 << 20;
	const char *base = getenv("TEST_MEMDIR");
	struct statvfs fs;

	/* What is left when the program dies, tests/run.sh removes. */
	snprintf(ret_path, PATH_MAX, "%s/inkfs-test.XXXXXX", base && *base ? base : "/dev/shm");
	if (statvfs("/dev/shm", &fs) != 0 || (uint64_t)fs.f_bavail * fs.f_frsize < room ||
	    !mkdtemp(ret_path))
		scratch_dir(ret_path);
}

void scratch_path(const char *dir, const char *name, char *ret_path)
{
	snprintf(ret_path, PATH_MAX, "%s/%s", dir, name);
}

uint8_t *file_read(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0, room = 1 << 16;
	uint8_t *data = malloc(room + 1);
	ssize_t got;

	if (fd < 0 || !data)
		die(path, "open");
	while ((got = read(fd, data + size, room - size)) > 0) {
		size += (size_t)got;
		if (size < room)
			continue;
		room *= 2;
		data = realloc(data, room + 1);
		if (!data)
			die(path, "memory");
	}
	if (got < 0)
		die(path, "read");
	close(fd);
	data[size] = 0;
	*ret_size = size;
	return data;
}

void file_write(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t done = 0;

	if (fd < 0)
		die(path, "open for writing");
	while (done < size) {
		ssize_t put = write(fd, (const char *)data + done, size - done);

		if (put < 0)
			die(path, "write");
		done += (size_t)put;
	}
	close(fd);
}

bool file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

uint64_t file_size(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		die(path, "stat");
	return (uint64_t)st.st_size;
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	size_t size;
	uint8_t *data = file_read(from, &size);

	file_write(to, data, size);
	chmod(to, mode);
	free(data);
}

void tree_copy(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	struct dirent *entry;
	struct stat st;

	if (!dir || stat(from, &st) != 0 || mkdir(to, 0700) != 0)
		die(to, "copy of a folder");
	while ((entry = readdir(dir))) {
		char a[PATH_MAX], b[PATH_MAX];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		scratch_path(from, entry->d_name, a);
		scratch_path(to, entry->d_name, b);
		if (lstat(a, &st) != 0)
			die(a, "stat");
		if (S_ISDIR(st.st_mode))
			tree_copy(a, b);
		else
			copy_file(a, b, st.st_mode & 07777);
	}
	closedir(dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_remove(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		die(path, "remove");
}

unsigned rounds(unsigned normal)
{
	const char *text = getenv("INKFS_TEST_ROUNDS");
	unsigned long percent = text ? strtoul(text, NULL, 10) : IS_SANITIZED ? 20 : 100;
	unsigned long count = normal * percent / 100;

	return count > 0 ? (unsigned)count : 1;
}

unsigned stride(void)
{
	return (100 / rounds(100)) | 1;
}

void rng_init_from(struct rng *rng, uint64_t seed)
{
	rng->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	if (rng->state == 0)
		rng->state = 1;
}

void rng_init(struct rng *rng, const char *what)
{
	const char *text = getenv("INKFS_TEST_SEED");
	uint64_t seed = 0;

	if (text)
		seed = strtoull(text, NULL, 10);
	else if (getrandom(&seed, 4, 0) != 4)
		die("getrandom", "no seed");
	printf("%s: INKFS_TEST_SEED=%llu\n", what, (unsigned long long)seed);
	fflush(stdout);
	rng_init_from(rng, seed);
}

uint64_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

void rng_fill(struct rng *rng, void *data, size_t size)
{
	uint8_t *p = data;

	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)(rng_next(rng) >> 32);
}
