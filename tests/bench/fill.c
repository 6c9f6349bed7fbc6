/* SPDX-License-Identifier: MIT */
/*
 * Fill a store without a mount, as fast as the library takes it: fill STORE RECORD_SIZE COUNT
 *
 * Makes STORE, appends COUNT records of RECORD_SIZE bytes to one file and closes in order.  Or, to know what there is to
 * reach: fill --sha256 BYTES prints how many bytes a second this core hashes with libcrypto in blocks of BYTES.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hash.h"
#include "inkfs/store.h"

static void must(enum ink_err err, const char *what)
{
	if (err == INK_OK)
		return;
	fprintf(stderr, "fill: %s: %s\n", what, ink_err_text(err));
	exit(1);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void put_hash_rate(size_t size)
{
	enum { MEASURED_MS = 1500 };
	uint8_t *data = calloc(1, size), hash[INK_HASH_SIZE];
	double start = now_s(), end = start;
	uint64_t done = 0;

	if (!data)
		exit(1);
	while (end - start < MEASURED_MS / 1e3) {
		for (size_t round = 0; round < 1 + ((1 << 20) / size); round++) {
			hash_data(data, size, hash);
			memcpy(data, hash, size < sizeof(hash) ? size : sizeof(hash));
			done += size;
		}
		end = now_s();
	}
	printf("%.0f\n", (double)done / (end - start));
	free(data);
}

/* Lines that differ, so that nothing is gained by their likeness. */
static void fill_line(char *line, size_t size, unsigned long number)
{
	memset(line, 'x', size);
	snprintf(line, size, "%018lu ", number);
	line[strlen(line)] = ' ';
	line[size - 1] = '\n';
}

static void fill(const char *path, size_t size, unsigned long count)
{
	const struct ink_init_options init = { .origin = "bench" };
	const struct ink_options options = { 0 };
	const struct ink_caller caller = { 0 };
	char vkey[INK_VKEY_SIZE], *line = malloc(size);
	struct ink_store *store;
	struct ink_error error;
	struct ink_attr attr;

	must(line ? INK_OK : INK_ERR_LIMIT, "memory");
	must(ink_store_init(path, &init, vkey, &error), "init");
	must(ink_store_open(path, &options, &store, &error), "open");
	must(ink_make(store, &caller, INK_ROOT_INODE, "bench.log", S_IFREG | 0644, NULL, &attr),
	     "create");
	for (unsigned long i = 0; i < count; i++) {
		fill_line(line, size, i);
		must(ink_append(store, &caller, attr.inode, INK_AT_END, line, size, false),
		     "append");
	}
	must(ink_store_close(store, INK_UNMOUNT_ASKED), "close");
	free(line);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--sha256") == 0 && atol(argv[2]) > 0) {
		put_hash_rate((size_t)atol(argv[2]));
		return 0;
	}
	if (argc != 4 || atol(argv[2]) < 32 || atol(argv[2]) > INK_APPEND_SIZE_MAX) {
		fputs("usage: fill STORE RECORD_SIZE COUNT | fill --sha256 BYTES\n", stderr);
		return 2;
	}
	fill(argv[1], (size_t)atol(argv[2]), strtoul(argv[3], NULL, 10));
	return 0;
}
