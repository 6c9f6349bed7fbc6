/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "open.h"
#include "text.h"
#include "walk_path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_SIZE = 1 << 20, CHAR_SIZE_MAX = 4 };

struct cat {
	struct ink_store *store;
	bool is_escaped;
	char *piece; /* PIECE_SIZE + CHAR_SIZE_MAX bytes */
};

/* Show @size bytes of the piece; returns how many at its end wait for the next piece. */
static size_t put_piece(struct cat *cat, size_t size, bool is_end)
{
	size_t done;

	if (!cat->is_escaped) {
		fwrite(cat->piece, 1, size, stdout);
		return 0;
	}
	done = text_put_stream(stdout, cat->piece, size, is_end);
	memmove(cat->piece, cat->piece + done, size - done);
	return size - done;
}

static bool cat_file(struct cat *cat, uint64_t inode, const char *path)
{
	uint64_t offset = 0;
	size_t waiting = 0, size = 0;
	enum ink_err err;

	do {
		err = ink_read(cat->store, inode, offset, cat->piece + waiting, PIECE_SIZE, &size);
		if (err != INK_OK) {
			complain("%s: cannot read at byte %" PRIu64 ": %s", path, offset,
				 reason_of(err));
			return false;
		}
		waiting = put_piece(cat, waiting + size, size == 0);
		offset += size;
	} while (size > 0 && !ferror(stdout));
	return true;
}

static bool cat_path(struct cat *cat, const char *path)
{
	struct ink_attr attr;
	enum ink_err err = walk_path(cat->store, path, true, &attr);

	if (err != INK_OK) {
		complain("%s: %s", path, reason_of(err));
		return false;
	}
	if (!S_ISREG(attr.mode)) {
		complain("%s is a folder; 'inkfs ls' lists it", path);
		return false;
	}
	return cat_file(cat, attr.inode, path);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "raw", no_argument, NULL, 'r' }, { 0 } };
	struct cat cat = { .is_escaped = isatty(STDOUT_FILENO) };
	struct target target;
	int option, code = EXIT_GOOD;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		if (option != 'r')
			return EXIT_USAGE;
		cat.is_escaped = false;
	}
	if (!has_operands(argc, argv, 2, argc, "a store and at least one path in it"))
		return EXIT_USAGE;
	cat.piece = malloc(PIECE_SIZE + CHAR_SIZE_MAX);
	if (!cat.piece) {
		complain("out of memory");
		return EXIT_BAD;
	}
	if (!open_target(argv[optind], &target, &cat.store)) {
		free(cat.piece);
		return EXIT_BAD;
	}
	for (int i = optind + 1; i < argc && !ferror(stdout); i++) {
		if (!cat_path(&cat, argv[i]))
			code = EXIT_BAD;
	}
	close_target(&target, cat.store);
	free(cat.piece);
	return code;
}

const struct cmd cmd_cat = {
	.name = "cat",
	.run = run,
	.summary = "print files of a store, mounted or not",
	.usage =
		"usage: inkfs cat STORE|MOUNTPOINT PATH… [--raw]\n"
		"\n"
		"Print the content of files, one after the other.  PATH is counted from the root of the store.\n"
		"On a terminal, bytes that could drive it are shown as \\xHH; elsewhere everything comes out as it\n"
		"was written.\n"
		"\n"
		"  --raw  as it was written on a terminal too\n"
		"\n"
		"example:\n"
		"  inkfs cat /srv/ci-log /jobs/17/build.log | less\n",
};
