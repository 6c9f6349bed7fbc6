/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "authors.h"
#include "filter.h"
#include "match.h"
#include "open.h"
#include "records.h"
#include "text.h"
#include "tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUT_SIZE = 1 << 16, CONTEXT_MAX = 10000 };

/* What was found, or could not be said. */
enum { EXIT_FOUND = 0, EXIT_NOT_FOUND = 1 };

/* A line before a match, kept in case one comes. */
struct kept {
	char *text;
	size_t size;
	uint64_t number;
	struct author author;
};

struct grep {
	struct filter filter;
	struct match *match;
	bool is_json, is_raw, is_unverified, is_fixed, is_caseless;
	bool counts, lists;
	uint64_t before, after;
	uint64_t since_seq; /* files with nothing from here on are passed over */

	struct ink_store *store;
	struct content content;
	struct replay *replay;
	struct lines lines;
	struct line out;
	bool has_found, has_failed;
	/* In the present file. */
	const char *path;
	uint64_t found_count;
	uint64_t last_shown; /* line number, 0: none */
	uint64_t after_left;
	struct kept *kept; /* a ring of @before */
	uint64_t kept_count;
};

/* --- output -------------------------------------------------------------------------- */

static bool flush(struct grep *grep)
{
	return line_flush(&grep->out, stdout);
}

static void put_text(struct grep *grep, const char *text, size_t size)
{
	if (grep->is_raw)
		line_put(&grep->out, text, size);
	else
		text_safe(&grep->out, text, size);
}

static void put_json_line(struct grep *grep, uint64_t number, const struct author *authors,
			  size_t author_count, const char *text, size_t size, bool is_match)
{
	line_puts(&grep->out, "{\"schema\":\"inkfs-grep/1\",\"path\":");
	line_json(&grep->out, grep->path, strlen(grep->path));
	line_puts(&grep->out, ",\"line\":");
	line_u64(&grep->out, number);
	line_puts(&grep->out, is_match ? ",\"match\":true" : ",\"match\":false");
	authors_put_json(&grep->out, grep->replay, authors, author_count);
	line_puts(&grep->out, ",\"text\":");
	line_json(&grep->out, text, size);
	line_puts(&grep->out, "}\n");
}

/* "/build.log:17: TIME uid=0 make[4711]: text"; in context dashes for the colons around the number. */
static void put_line(struct grep *grep, uint64_t number, const struct author *authors,
		     size_t author_count, const char *text, size_t size, bool is_match)
{
	struct line *out = &grep->out;

	if (grep->is_json) {
		put_json_line(grep, number, authors, author_count, text, size, is_match);
	} else {
		if ((grep->before > 0 || grep->after > 0) && grep->last_shown != 0 &&
		    number > grep->last_shown + 1)
			line_puts(out, "--\n");
		text_word(out, grep->path, strlen(grep->path));
		line_putc(out, is_match ? ':' : '-');
		line_u64(out, number);
		line_puts(out, is_match ? ": " : "- ");
		line_time(out, authors[0].wall_ns);
		line_putc(out, ' ');
		authors_put_who(out, grep->replay, authors, author_count);
		line_puts(out, ": ");
		put_text(grep, text, size);
		line_putc(out, '\n');
	}
	grep->last_shown = number;
}

/* --- context --------------------------------------------------------------------------- */

static void keep_line(struct grep *grep, uint64_t number, const struct author *author,
		      const char *text, size_t size)
{
	struct kept *kept = &grep->kept[grep->kept_count % grep->before];
	char *copy = malloc(size + 1);

	if (!copy) {
		grep->has_failed = true;
		return;
	}
	memcpy(copy, text, size);
	free(kept->text);
	*kept = (struct kept){ copy, size, number, *author };
	grep->kept_count++;
}

static void put_kept(struct grep *grep)
{
	uint64_t count = grep->kept_count < grep->before ? grep->kept_count : grep->before;

	for (uint64_t i = grep->kept_count - count; i < grep->kept_count; i++) {
		const struct kept *kept = &grep->kept[i % grep->before];

		put_line(grep, kept->number, &kept->author, 1, kept->text, kept->size, false);
	}
	grep->kept_count = 0;
}

/* Lines without the pattern: shown behind a match, kept for one that may come. */
static void pass_lines(struct grep *grep, const struct lines_block *block, uint64_t number,
		       const char *data, const char *end)
{
	if (grep->counts || grep->lists || (grep->after_left == 0 && grep->before == 0))
		return;
	while (data < end) {
		const char *feed = memchr(data, '\n', (size_t)(end - data));
		size_t size = (size_t)((feed ? feed : end) - data);

		if (grep->after_left > 0) {
			put_line(grep, number, block->authors, block->author_count, data, size,
				 false);
			grep->after_left--;
		} else if (grep->before > 0) {
			keep_line(grep, number, &block->authors[0], data, size);
		} else {
			return;
		}
		data += size + 1;
		number++;
	}
}

/* --- searching -------------------------------------------------------------------------- */

static void take_match(struct grep *grep, const struct lines_block *block, uint64_t number,
		       const char *text, size_t size)
{
	grep->has_found = true;
	grep->found_count++;
	if (grep->counts || grep->lists)
		return;
	put_kept(grep);
	put_line(grep, number, block->authors, block->author_count, text, size, true);
	grep->after_left = grep->after;
}

static bool take_block(void *ctx, const struct lines_block *block)
{
	struct grep *grep = ctx;
	const char *at = block->data, *end = at + block->size, *text;
	uint64_t number = block->number;
	size_t size;

	while (at < end &&
	       authors_have_one(block->authors, block->author_count, &grep->filter, grep->replay) &&
	       match_find(grep->match, at, (size_t)(end - at), &text, &size)) {
		uint64_t line_count = lines_count(at, (size_t)(text - at));

		pass_lines(grep, block, number, at, text);
		number += line_count;
		take_match(grep, block, number++, text, size);
		if (grep->lists)
			return false;
		at = text + size + 1;
		if (grep->out.size >= OUT_SIZE && !flush(grep))
			return false;
	}
	pass_lines(grep, block, number, at, end);
	return !ferror(stdout);
}

static void put_summary(struct grep *grep)
{
	bool is_put = grep->lists ? grep->found_count > 0 : grep->counts;

	if (!is_put)
		return;
	if (grep->is_json) {
		line_puts(&grep->out, "{\"schema\":\"inkfs-grep/1\",\"path\":");
		line_json(&grep->out, grep->path, strlen(grep->path));
		line_puts(&grep->out, ",\"count\":");
		line_u64(&grep->out, grep->found_count);
		line_puts(&grep->out, "}\n");
		return;
	}
	text_word(&grep->out, grep->path, strlen(grep->path));
	if (grep->counts) {
		line_putc(&grep->out, ':');
		line_u64(&grep->out, grep->found_count);
	}
	line_putc(&grep->out, '\n');
}

static bool has_bytes_since(struct grep *grep, const struct ink_attr *attr)
{
	struct ink_file_info info;

	return attr->size > 0 &&
	       (grep->since_seq == 0 || ink_file_info(grep->store, attr->inode, &info) != INK_OK ||
		info.last_seq >= grep->since_seq);
}

static bool take_file(void *ctx, const char *path, const struct ink_attr *attr)
{
	struct grep *grep = ctx;
	struct content_piece piece;
	enum content_step step;
	bool goes_on = true;

	if (!filter_has_path(&grep->filter, path) || !has_bytes_since(grep, attr))
		return true;
	grep->path = path;
	grep->found_count = grep->last_shown = grep->after_left = grep->kept_count = 0;
	lines_begin(&grep->lines, take_block, grep);
	content_begin(&grep->content, attr->inode, path, 0, attr->size, grep->filter.to_seq);
	while ((step = content_next(&grep->content, &piece)) == CONTENT_PIECE && goes_on)
		goes_on = lines_take(&grep->lines, &piece);
	if (step == CONTENT_END && goes_on)
		goes_on = lines_end(&grep->lines);
	grep->has_failed |= step == CONTENT_FAILED || (!goes_on && !grep->lists);
	put_summary(grep);
	return flush(grep);
}

static int search(struct grep *grep, const char *store_path)
{
	uint64_t until_seq;

	if (grep->filter.has_since &&
	    !records_find_time(grep->store, store_path, grep->filter.since_ns - 2000000000,
			       &grep->since_seq))
		return EXIT_UNCHECKED;
	if (grep->filter.from_seq > grep->since_seq)
		grep->since_seq = grep->filter.from_seq;
	if (grep->filter.has_until) {
		if (!records_find_time(grep->store, store_path, grep->filter.until_ns + 2000000000,
				       &until_seq))
			return EXIT_UNCHECKED;
		if (until_seq < grep->filter.to_seq)
			grep->filter.to_seq = until_seq;
	}
	if (!tree_each(grep->store, take_file, grep))
		grep->has_failed = true;
	if (match_has_failed(grep->match)) {
		complain("some lines are too much work for this pattern and were passed over");
		grep->has_failed = true;
	}
	if (replay_has_failed(grep->replay)) {
		complain("the index does not lead to the processes that wrote; run 'inkfs verify'");
		grep->has_failed = true;
	}
	if (grep->has_failed)
		return EXIT_UNCHECKED;
	return grep->has_found ? EXIT_FOUND : EXIT_NOT_FOUND;
}

static int run_on(struct grep *grep, const char *store_path)
{
	int code = EXIT_UNCHECKED;

	if (!content_open(&grep->content, grep->store, store_path, grep->is_unverified))
		return code;
	grep->replay = replay_open_within(grep->store, store_path);
	grep->kept = calloc(grep->before + 1, sizeof(*grep->kept));
	if (grep->replay && grep->kept)
		code = search(grep, store_path);
	else
		complain("out of memory");
	for (uint64_t i = 0; grep->kept && i < grep->before; i++)
		free(grep->kept[i].text);
	free(grep->kept);
	replay_close(grep->replay);
	content_close(&grep->content);
	lines_release(&grep->lines);
	line_release(&grep->out);
	return code;
}

/* --- options ------------------------------------------------------------------------------ */

static bool take_context(struct grep *grep, int option)
{
	uint64_t count;

	if (!parse_u64(optarg, &count) || count > CONTEXT_MAX) {
		usage_error("grep", "'%s' is no number of lines up to %d", optarg, CONTEXT_MAX);
		return false;
	}
	if (option != 'A')
		grep->before = count;
	if (option != 'B')
		grep->after = count;
	return true;
}

static bool take_option(struct grep *grep, int option)
{
	switch (option) {
	case 'i': grep->is_caseless = true; return true;
	case 'F': grep->is_fixed = true; return true;
	case 'c': grep->counts = true; return true;
	case 'l': grep->lists = true; return true;
	case 'A':
	case 'B':
	case 'C': return take_context(grep, option);
	case 'j': grep->is_json = true; return true;
	case 'r': grep->is_raw = true; return true;
	case 'P':
	case 'n': return true; /* as people type it; it is so anyway */
	case 'N': grep->is_unverified = true; return true;
	default: return filter_take(&grep->filter, "grep", option, optarg) > 0;
	}
}

static bool parse_args(int argc, char **argv, struct grep *grep)
{
	static const struct option longs[] = { FILTER_OPTIONS,
					       { "ignore-case", no_argument, NULL, 'i' },
					       { "fixed-strings", no_argument, NULL, 'F' },
					       { "count", no_argument, NULL, 'c' },
					       { "files-with-matches", no_argument, NULL, 'l' },
					       { "after-context", required_argument, NULL, 'A' },
					       { "before-context", required_argument, NULL, 'B' },
					       { "context", required_argument, NULL, 'C' },
					       { "json", no_argument, NULL, 'j' },
					       { "raw", no_argument, NULL, 'r' },
					       { "line-number", no_argument, NULL, 'n' },
					       { "no-verify", no_argument, NULL, 'N' },
					       { 0 } };
	int option;

	while ((option = next_option(argc, argv, ":iFPclnA:B:C:", longs)) != -1) {
		if (!take_option(grep, option))
			return false;
	}
	if (!filter_is_possible(&grep->filter, "grep"))
		return false;
	if (!has_operands(argc, argv, 2, 2, "a pattern and one store or mount point"))
		return false;
	if (strchr(argv[optind], '\n')) {
		usage_error("grep", "a pattern is within a line, and this one has a line feed");
		return false;
	}
	grep->match = match_open("grep", argv[optind], grep->is_fixed, grep->is_caseless);
	return grep->match != NULL;
}

static int run(int argc, char **argv)
{
	struct grep grep = { .is_raw = !isatty(STDOUT_FILENO) };
	struct target target;
	int code = EXIT_UNCHECKED;

	filter_init(&grep.filter);
	if (!parse_args(argc, argv, &grep)) {
		match_close(grep.match);
		return EXIT_USAGE;
	}
	if (open_target(argv[optind + 1], &target, &grep.store)) {
		code = run_on(&grep, target.store);
		close_target(&target, grep.store);
	}
	match_close(grep.match);
	filter_release(&grep.filter);
	return code;
}

const struct cmd cmd_grep = {
	.name = "grep",
	.run = run,
	.summary = "search the content of files: what line, when, by whom",
	.usage =
		"usage: inkfs grep [-iFcl] [-A N] [-B N] [-C N] PATTERN STORE|MOUNTPOINT [--path PATTERN]\n"
		"                  [--since TIME] [--until TIME] [--from SEQ] [--to SEQ] [--user USER] [--process P]\n"
		"                  [--job PATTERN] [--json] [--raw] [--no-verify]\n"
		"\n"
		"Search all files for lines that hold a PCRE2 pattern: path, number of the line, time, writer, line.\n"
		"A line is one even where several records wrote it; it is shown if any of them is asked for.  Each\n"
		"record is held against its digest.  Exit 0 found, 1 not found, 3 not everything could be read.\n"
		"\n"
		"  -i, --ignore-case   upper and lower case are one\n"
		"  -F, --fixed-strings PATTERN is a string\n"
		"  -c, --count         only how many lines, for each file\n"
		"  -l, --files-with-matches  only the paths\n"
		"  -P, -n              nothing: it is PCRE2, and the number is there, anyway\n"
		"  -A N, -B N, -C N    N lines behind, before, around it\n" FILTER_USAGE_PATH
			FILTER_USAGE "  --json          an object a line (schema inkfs-grep/1)\n"
		"  --raw           lines as they were written, on a terminal too\n"
		"  --no-verify     do not hold records against their digests\n"
		"\n"
		"example:\n"
		"  inkfs grep -i 'error|warning' /mnt/log --path '/jobs/*' --since '2 hours ago' -C 2\n",
};
