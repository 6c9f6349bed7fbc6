/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "content.h"
#include "open.h"
#include "past.h"
#include "text.h"
#include "walk_path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_SIZE = 1 << 20, CHAR_SIZE_MAX = 4 };

struct cat {
	struct ink_store *store;
	struct content content;
	bool is_escaped, is_unverified;
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

static bool put_pieces(struct cat *cat)
{
	struct content_piece piece;
	enum content_step step;
	size_t waiting = 0;

	while ((step = content_next(&cat->content, &piece)) == CONTENT_PIECE && !ferror(stdout)) {
		memcpy(cat->piece + waiting, piece.data, piece.size);
		waiting = put_piece(cat, waiting + piece.size, false);
	}
	put_piece(cat, waiting, true);
	return step == CONTENT_END;
}

/* --- as it was ------------------------------------------------------------------- */

static bool cat_past_path(struct cat *cat, struct past *past, const char *path)
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
	content_begin(&cat->content, inode, path, 0, node->size, UINT64_MAX);
	return put_pieces(cat);
}

static int cat_past(struct cat *cat, const char *store_path, const char *at, char **paths)
{
	struct past past;
	uint64_t count;
	bool is_usage, is_good;

	if (!past_parse("cat", at, cat->store, store_path, &count, &is_usage))
		return is_usage ? EXIT_USAGE : EXIT_BAD;
	if (!past_open(&past, store_path, cat->is_unverified))
		return EXIT_BAD;
	is_good = past_read_to(&past, count, NULL, NULL);
	for (; is_good && *paths; paths++)
		is_good = cat_past_path(cat, &past, *paths);
	past_close(&past);
	return is_good ? EXIT_GOOD : EXIT_BAD;
}

/* --- as it is -------------------------------------------------------------------- */

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
	content_begin(&cat->content, attr.inode, path, 0, attr.size, UINT64_MAX);
	return put_pieces(cat);
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

static int run_on(struct cat *cat, const char *store_path, const char *at, char **paths)
{
	int code = EXIT_BAD;

	cat->piece = malloc(PIECE_SIZE + CHAR_SIZE_MAX);
	if (!cat->piece)
		complain("out of memory");
	else if (content_open(&cat->content, cat->store, store_path, cat->is_unverified))
		code = at ? cat_past(cat, store_path, at, paths) : cat_all(cat, paths);
	content_close(&cat->content);
	free(cat->piece);
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "raw", no_argument, NULL, 'r' },
					       { "at", required_argument, NULL, 'a' },
					       { "no-verify", no_argument, NULL, 'n' },
					       { 0 } };
	struct cat cat = { .is_escaped = isatty(STDOUT_FILENO) };
	const char *at = NULL;
	struct target target;
	int option, code = EXIT_BAD;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'r': cat.is_escaped = false; break;
		case 'a': at = optarg; break;
		case 'n': cat.is_unverified = true; break;
		default: return EXIT_USAGE;
		}
	}
	if (!has_operands(argc, argv, 2, argc, "a store and at least one path in it"))
		return EXIT_USAGE;
	if (open_target(argv[optind], &target, &cat.store)) {
		code = run_on(&cat, target.store, at, argv + optind + 1);
		close_target(&target, cat.store);
	}
	return code;
}

const struct cmd cmd_cat = {
	.name = "cat",
	.run = run,
	.summary = "print files of a store, mounted or not",
	.usage =
		"usage: inkfs cat STORE|MOUNTPOINT PATH… [--at TIME|SEQ] [--raw] [--no-verify]\n"
		"\n"
		"Print the content of files, one after the other.  PATH is counted from the root of the store.\n"
		"Each record is held against its digest: nothing is printed that is not what was recorded, and the\n"
		"exit is 1.  Signatures are not checked: that is what 'inkfs verify' does.  On a terminal, bytes\n"
		"that could drive it are shown as \\xHH; elsewhere everything comes out as it was written.\n"
		"\n"
		"  --at TIME|SEQ  as it was right after record SEQ, or at TIME (as for 'inkfs log --since'): names of\n"
		"                 then, content of then.  Links are not followed.\n"
		"  --raw          as it was written on a terminal too\n"
		"  --no-verify    do not hold records against their digests\n"
		"\n"
		"example:\n"
		"  inkfs cat /srv/ci-log /jobs/17/build.log | less\n",
};
