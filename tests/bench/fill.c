/* SPDX-License-Identifier: MIT */
/*
 * Fill a store without a mount, as fast as the library takes it: fill STORE RECORD_SIZE COUNT
 *
 * Makes STORE, appends COUNT records of RECORD_SIZE bytes to one file and closes in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inkfs/store.h"

static void must(enum ink_err err, const char *what)
{
	if (err == INK_OK)
		return;
	fprintf(stderr, "fill: %s: %s\n", what, ink_err_text(err));
	exit(1);
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
	if (argc != 4 || atol(argv[2]) < 32 || atol(argv[2]) > INK_APPEND_SIZE_MAX) {
		fputs("usage: fill STORE RECORD_SIZE COUNT\n", stderr);
		return 2;
	}
	fill(argv[1], (size_t)atol(argv[2]), strtoul(argv[3], NULL, 10));
	return 0;
}
