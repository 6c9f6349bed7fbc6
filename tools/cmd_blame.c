/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "authors.h"
#include "filter.h"
#include "open.h"
#include "text.h"
#include "walk_path.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUT_SIZE = 1 << 18, SECOND_SIZE = 19, KNOWN_AUTHOR_SIZE = 256 };

struct blame {
	struct filter filter;
	bool is_json, is_unverified, is_escaped;
	struct replay *replay;
	struct line out;
	/* The words for the author of the line before: mostly it is the same one. */
	struct line known;
	uint64_t known_actor;
	uint32_t known_uid;
	bool has_known;
};

static bool flush(struct blame *blame)
{
	return line_flush(&blame->out, stdout);
}

/* "uid=0 make[17] gitlab-ci/4711", from memory where one process wrote the line before too. */
static void put_authors(struct blame *blame, const struct author *authors, size_t count)
{
	bool is_known = blame->has_known && count == 1 && blame->known_actor == authors[0].actor &&
			blame->known_uid == authors[0].uid;

	if (!is_known) {
		blame->known.size = 0;
		authors_put_who(&blame->known, blame->replay, authors, count);
		line_putc(&blame->known, ' ');
		authors_put_job(&blame->known, blame->replay, authors);
		blame->known_actor = authors[0].actor;
		blame->known_uid = authors[0].uid;
		blame->has_known = count == 1;
	}
	line_put(&blame->out, blame->known.data, blame->known.size);
}

static void put_text_line(struct blame *blame, const struct lines_block *block, uint64_t number,
			  const char *text, size_t size)
{
	line_u64(&blame->out, number);
	line_putc(&blame->out, ' ');
	line_time(&blame->out, block->authors[0].wall_ns);
	line_putc(&blame->out, ' ');
	put_authors(blame, block->authors, block->author_count);
	line_puts(&blame->out, " | ");
	if (blame->is_escaped)
		text_safe(&blame->out, text, size);
	else
		line_put(&blame->out, text, size);
	line_putc(&blame->out, '\n');
}

static void put_json_line(struct blame *blame, const struct lines_block *block, uint64_t number,
			  const char *text, size_t size)
{
	line_puts(&blame->out, "{\"schema\":\"inkfs-blame/1\",\"line\":");
	line_u64(&blame->out, number);
	authors_put_json(&blame->out, blame->replay, block->authors, block->author_count);
	line_puts(&blame->out, ",\"text\":");
	line_json(&blame->out, text, size);
	line_puts(&blame->out, "}\n");
}

static bool take_block(void *ctx, const struct lines_block *block)
{
	struct blame *blame = ctx;
	const char *at = block->data, *end = at + block->size;
	uint64_t number = block->number;

	if (!authors_have_one(block->authors, block->author_count, &blame->filter, blame->replay))
		return true;
	while (at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((feed ? feed : end) - at);

		if (blame->is_json)
			put_json_line(blame, block, number++, at, size);
		else
			put_text_line(blame, block, number++, at, size);
		at += size + 1;
		if (blame->out.size >= OUT_SIZE && !flush(blame))
			return false;
	}
	return !blame->out.has_failed;
}

static bool blame_file(struct blame *blame, struct content *content)
{
	struct lines lines = { 0 };
	struct content_piece piece;
	enum content_step step;
	bool goes_on = true;

	lines_begin(&lines, take_block, blame);
	while ((step = content_next(content, &piece)) == CONTENT_PIECE && goes_on)
		goes_on = lines_take(&lines, &piece);
	if (step == CONTENT_END && goes_on)
		goes_on = lines_end(&lines);
	lines_release(&lines);
	if (replay_has_failed(blame->replay)) {
		complain("the index does not lead to the processes that wrote; run 'inkfs verify'");
		return false;
	}
	return flush(blame) && goes_on && step == CONTENT_END;
}

static bool blame_path(struct blame *blame, struct ink_store *store, const char *store_path,
		       const char *path)
{
	struct content content;
	struct ink_attr attr;
	enum ink_err err = walk_path(store, path, true, &attr);
	bool is_good;

	if (err != INK_OK || !S_ISREG(attr.mode)) {
		complain("%s: %s", path, err != INK_OK ? reason_of(err) : "not a file");
		return false;
	}
	if (!content_open(&content, store, store_path, blame->is_unverified))
		return false;
	blame->replay = replay_open_within(store, store_path);
	if (!blame->replay)
		complain("out of memory");
	content_begin(&content, attr.inode, path, 0, attr.size, blame->filter.to_seq);
	is_good = blame->replay && blame_file(blame, &content);
	replay_close(blame->replay);
	content_close(&content);
	return is_good;
}

static bool parse_args(int argc, char **argv, struct blame *blame)
{
	static const struct option longs[] = { FILTER_OPTIONS,
					       { "json", no_argument, NULL, 'j' },
					       { "raw", no_argument, NULL, 'r' },
					       { "no-verify", no_argument, NULL, 'n' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		switch (option) {
		case 'j': blame->is_json = true; break;
		case 'r': blame->is_escaped = false; break;
		case 'n': blame->is_unverified = true; break;
		default:
			if (filter_take(&blame->filter, "blame", option, optarg) <= 0)
				return false;
		}
	}
	if (!filter_is_possible(&blame->filter, "blame"))
		return false;
	if (blame->filter.paths.count > 0) {
		usage_error("blame", "the path stands behind the store, without --path");
		return false;
	}
	return has_operands(argc, argv, 2, 2, "one store or mount point and one path in it");
}

static int run(int argc, char **argv)
{
	struct blame blame = { .is_escaped = isatty(STDOUT_FILENO) };
	struct ink_store *store;
	struct target target;
	bool is_good;

	filter_init(&blame.filter);
	if (!parse_args(argc, argv, &blame))
		return EXIT_USAGE;
	if (!open_target(argv[optind], &target, &store))
		return EXIT_BAD;
	is_good = blame_path(&blame, store, target.store, argv[optind + 1]);
	close_target(&target, store);
	line_release(&blame.out);
	line_release(&blame.known);
	filter_release(&blame.filter);
	return is_good ? EXIT_GOOD : EXIT_BAD;
}

const struct cmd cmd_blame = {
	.name = "blame",
	.run = run,
	.summary = "print a file with who wrote each line, when, in which job",
	.usage =
		"usage: inkfs blame STORE|MOUNTPOINT PATH [--since TIME] [--until TIME] [--from SEQ] [--to SEQ]\n"
		"                   [--user USER] [--process P] [--job PATTERN] [--json] [--raw] [--no-verify]\n"
		"\n"
		"Print the lines of a file: number, time, uid, process, CI job ('-': none), '|', the line.\n"
		"A line that several records wrote has the time of the first and all processes that wrote to it, as\n"
		"'sh[17]+cc[18]'; it is shown if any of its records is asked for.  With --until or --to the file ends\n"
		"there.  Each record is held against its digest; at one that is not what was recorded it ends,\n"
		"exit 1.\n"
		"\n" FILTER_USAGE "  --json          an object a line (schema inkfs-blame/1)\n"
		"  --raw           lines as they were written, on a terminal too\n"
		"  --no-verify     do not hold records against their digests\n"
		"\n"
		"example:\n"
		"  inkfs blame /mnt/log /build.log --process cc1 --since '15min ago'\n",
};
