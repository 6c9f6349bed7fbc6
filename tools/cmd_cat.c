/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "content.h"
#include "open.h"
#include "past.h"
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

/* --- as it was ------------------------------------------------------------------- */

static bool put_pieces(struct cat *cat, struct content *content)
{
	struct content_piece piece;
	enum content_step step;
	size_t waiting = 0;

	while ((step = content_next(content, &piece)) == CONTENT_PIECE && !ferror(stdout)) {
		memcpy(cat->piece + waiting, piece.data, piece.size);
		waiting = put_piece(cat, waiting + piece.size, false);
	}
	put_piece(cat, waiting, true);
	return step == CONTENT_END;
}

static bool cat_past_path(struct cat *cat, struct content *content, struct past *past,
			  const char *path)
{
	uint64_t inode = past_find(past, path);
	const struct past_node *node = past_node(past, inode);

	if (node->kind != INK_CREATE) {
		complain("%s: %s then", path,
			 node->kind == 0           ? "there was no such file"
			 : node->kind == INK_MKDIR ? "was a folder"
						   : "was a symbolic link, which is not followed");
		return false;
	}
	content_begin(content, inode, path, 0, node->size, UINT64_MAX);
	return put_pieces(cat, content);
}

static int cat_past(struct cat *cat, const char *store_path, const char *at, char **paths)
{
	struct content content;
	struct past past;
	uint64_t count;
	bool is_usage, is_good;

	if (!past_parse("cat", at, cat->store, store_path, &count, &is_usage))
		return is_usage ? EXIT_USAGE : EXIT_BAD;
	if (!content_open(&content, cat->store, store_path, false))
		return EXIT_BAD;
	if (!past_open(&past, store_path, true)) {
		content_close(&content);
		return EXIT_BAD;
	}
	is_good = past_read_to(&past, count, NULL, NULL);
	for (; is_good && *paths; paths++)
		is_good = cat_past_path(cat, &content, &past, *paths);
	past_close(&past);
	content_close(&content);
	return is_good ? EXIT_GOOD : EXIT_BAD;
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

static int cat_all(struct cat *cat, char **paths)
{
	int code = EXIT_GOOD;

	for (; *paths && !ferror(stdout); paths++) {
		if (!cat_path(cat, *paths))
			code = EXIT_BAD;
	}
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "raw", no_argument, NULL, 'r' },
					       { "at", required_argument, NULL, 'a' },
					       { 0 } };
	struct cat cat = { .is_escaped = isatty(STDOUT_FILENO) };
	const char *at = NULL;
	struct target target;
	int option, code = EXIT_BAD;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'r': cat.is_escaped = false; break;
		case 'a': at = optarg; break;
		default: return EXIT_USAGE;
		}
	}
	if (!has_operands(argc, argv, 2, argc, "a store and at least one path in it"))
		return EXIT_USAGE;
	cat.piece = malloc(PIECE_SIZE + CHAR_SIZE_MAX);
	if (!cat.piece) {
		complain("out of memory");
		return EXIT_BAD;
	}
	if (open_target(argv[optind], &target, &cat.store)) {
		code = at ? cat_past(&cat, target.store, at, argv + optind + 1)
			  : cat_all(&cat, argv + optind + 1);
		close_target(&target, cat.store);
	}
	free(cat.piece);
	return code;
}

const struct cmd cmd_cat = {
	.name = "cat",
	.run = run,
	.summary = "print files of a store, mounted or not",
	.usage =
		"usage: inkfs cat STORE|MOUNTPOINT PATH… [--at TIME|SEQ] [--raw]\n"
		"\n"
		"Print the content of files, one after the other.  PATH is counted from the root of the store.\n"
		"On a terminal, bytes that could drive it are shown as \\xHH; elsewhere everything comes out as it\n"
		"was written.\n"
		"\n"
		"  --at TIME|SEQ  as it was right after record SEQ, or at TIME (as for 'inkfs log --since'): names of\n"
		"                 then, content of then.  Each record is held against its digest.  Links are not\n"
		"                 followed.\n"
		"  --raw          as it was written on a terminal too\n"
		"\n"
		"example:\n"
		"  inkfs cat /srv/ci-log /jobs/17/build.log | less\n",
};
