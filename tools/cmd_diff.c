/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "array.h"
#include "describe.h"
#include "lines.h"
#include "open.h"
#include "past.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { FOLD_COUNT_MAX = 1000 };

static const struct ink_str no_name = { "", 0 };

/* What happened to one inode in between. */
struct change {
	uint64_t inode;
	uint64_t old_size; /* when it was first touched */
	uint64_t record_count;
	char *old_path;  /* the name that its first RENAME or UNLINK took away, or NULL */
	bool is_renamed; /* by a RENAME */
	bool is_named;   /* its names changed */
	bool has_attr;   /* mode, owner or times changed */
};

/* Refusals of one kind on one path. */
struct refusal {
	char *path;
	char *to; /* where a rename or link would have led, or NULL */
	uint16_t op;
	uint64_t count;
};

struct diff {
	struct change *changes; /* by inode, ascending */
	size_t change_count, change_capacity;
	struct refusal *refusals;
	size_t refusal_count, refusal_capacity;
	struct past past;
	struct ink_store *store;
	uint64_t from_count;
	bool has_text, is_escaped, is_unverified;
};

/* --- taking records in ------------------------------------------------------------------ */

static struct change *change_of(struct diff *diff, uint64_t inode)
{
	size_t at = 0, end = diff->change_count;

	while (at < end) {
		size_t middle = at + (end - at) / 2;

		if (diff->changes[middle].inode < inode)
			at = middle + 1;
		else
			end = middle;
	}
	if (at < diff->change_count && diff->changes[at].inode == inode)
		return &diff->changes[at];
	if (!array_grow((void **)&diff->changes, diff->change_count, &diff->change_capacity,
			sizeof(*diff->changes)))
		return NULL;
	memmove(diff->changes + at + 1, diff->changes + at,
		(diff->change_count - at) * sizeof(*diff->changes));
	diff->changes[at] =
		(struct change){ .inode = inode, .old_size = past_node(&diff->past, inode)->size };
	diff->change_count++;
	return &diff->changes[at];
}

/* Heap; NULL if it has none, or without memory. */
static char *path_of(struct past *past, uint64_t inode, struct ink_str name)
{
	struct line line = { 0 };

	if (!replay_path(past->records.replay, past->records.next_seq, inode, name, &line)) {
		line_release(&line);
		return NULL;
	}
	line_putc(&line, '\0');
	return line.data;
}

/* Heap in @ret; what has no path is "?".  false without memory. */
static bool refusal_of(struct past *past, const struct ink_header *header,
		       const union ink_body *body, struct refusal *ret)
{
	const struct ink_body_denied *denied = &body->denied;
	bool names_entry = denied_names_entry(denied->op) && denied->name.size > 0 &&
			   replay_is_folder(past->records.replay, header->inode);
	struct ink_str name;
	uint64_t inode;

	*ret = (struct refusal){ .op = denied->op, .count = denied->count };
	ret->path = path_of(past, header->inode, names_entry ? denied->name : no_name);
	if (!ret->path)
		ret->path = strdup("?");
	if (second_entry(header, body, &inode, &name)) {
		ret->to = path_of(past, inode, name);
		if (!ret->to)
			ret->to = strdup("?");
		if (!ret->to)
			return false;
	}
	return ret->path;
}

static bool is_same_refusal(const struct refusal *a, const struct refusal *b)
{
	return a->op == b->op && strcmp(a->path, b->path) == 0 &&
	       (a->to && b->to ? strcmp(a->to, b->to) == 0 : a->to == b->to);
}

static void refusal_release(struct refusal *refusal)
{
	free(refusal->path);
	free(refusal->to);
}

static bool add_refusal(struct diff *diff, const struct ink_header *header,
			const union ink_body *body)
{
	/* A million refused names must not be compared with each other: who comes back much later gets another line. */
	size_t first =
		diff->refusal_count > FOLD_COUNT_MAX ? diff->refusal_count - FOLD_COUNT_MAX : 0;
	struct refusal refusal;
	bool is_good = refusal_of(&diff->past, header, body, &refusal);

	for (size_t i = diff->refusal_count; is_good && i > first; i--) {
		struct refusal *before = &diff->refusals[i - 1];

		if (is_same_refusal(before, &refusal)) {
			before->count += refusal.count;
			refusal_release(&refusal);
			return true;
		}
	}
	if (!is_good || !array_grow((void **)&diff->refusals, diff->refusal_count,
				    &diff->refusal_capacity, sizeof(*diff->refusals))) {
		refusal_release(&refusal);
		return false;
	}
	diff->refusals[diff->refusal_count++] = refusal;
	return true;
}

static void take_names(struct diff *diff, struct change *change, const struct ink_header *header,
		       const union ink_body *body)
{
	change->is_named = true;
	if (header->kind == INK_RENAME && !change->is_renamed) {
		free(change->old_path);
		change->old_path =
			path_of(&diff->past, body->rename.old_parent, body->rename.old_name);
		change->is_renamed = true;
	} else if (header->kind == INK_UNLINK && !change->old_path) {
		change->old_path = path_of(&diff->past, body->name.parent, body->name.name);
	}
}

static bool take_record(void *ctx, struct past *past)
{
	struct diff *diff = ctx;
	const struct ink_header *header = &past->records.record->header;
	const union ink_body *body = past->records.body;
	struct change *change;

	if (header->kind < INK_CREATE || header->kind > INK_DENIED || header->inode == 0)
		return true;
	if (header->kind == INK_OPEN || header->kind == INK_CLOSE)
		return true;
	if (header->kind == INK_DENIED) {
		if (!body || add_refusal(diff, header, body))
			return true;
		complain("out of memory");
		return false;
	}
	change = change_of(diff, header->inode);
	if (!change) {
		complain("out of memory");
		return false;
	}
	switch (header->kind) {
	case INK_APPEND: change->record_count++; return true;
	case INK_ATTR: change->has_attr = true; return true;
	case INK_RENAME:
	case INK_LINK:
	case INK_UNLINK:
		if (body)
			take_names(diff, change, header, body);
		return true;
	default: return true;
	}
}

/* --- printing ------------------------------------------------------------------------------ */

static void put_mark(char mark, const char *path)
{
	putchar(mark);
	putchar(' ');
	text_put_word(stdout, path ? path : "?", strlen(path ? path : "?"));
}

static void put_added(const struct change *change, const struct past_node *node)
{
	printf(" %" PRIu64 " bytes in %" PRIu64 " record%s", node->size - change->old_size,
	       change->record_count, change->record_count == 1 ? "" : "s");
}

static bool put_lines(void *ctx, const struct lines_block *block)
{
	const struct diff *diff = ctx;
	const char *at = block->data, *end = at + block->size;

	while (at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((feed ? feed : end) - at);

		fputs("  +", stdout);
		if (diff->is_escaped)
			text_put_safe(stdout, at, size);
		else
			fwrite(at, 1, size, stdout);
		putchar('\n');
		at += size + 1;
	}
	return !ferror(stdout);
}

/* The bytes that were added. */
static bool put_text(struct diff *diff, const struct change *change, const char *path,
		     const struct past_node *node)
{
	struct content content;
	struct lines lines = { 0 };
	struct content_piece piece;
	enum content_step step;
	bool goes_on = true;

	if (!content_open(&content, diff->store, diff->past.records.store_path,
			  diff->is_unverified))
		return false;
	lines_begin(&lines, put_lines, diff);
	content_begin(&content, change->inode, path, change->old_size, node->size, UINT64_MAX);
	while ((step = content_next(&content, &piece)) == CONTENT_PIECE && goes_on)
		goes_on = lines_take(&lines, &piece);
	if (step == CONTENT_END && goes_on)
		goes_on = lines_end(&lines);
	lines_release(&lines);
	content_close(&content);
	return step == CONTENT_END && goes_on;
}

static void put_made(const struct change *change, const struct past_node *node, const char *path)
{
	static const char *const what[] = { "file", "folder", "link" };

	put_mark('+', path);
	printf(" new %s", what[node->kind - INK_CREATE]);
	if (node->size > 0) {
		putchar(',');
		put_added(change, node);
	}
	putchar('\n');
}

static void put_kept(const struct change *change, const struct past_node *node, const char *path)
{
	if (change->is_named) {
		if (!path) {
			put_mark('-', change->old_path);
			puts(" removed");
		} else if (change->is_renamed) {
			put_mark('>', change->old_path);
			fputs(" renamed to ", stdout);
			text_put_word(stdout, path, strlen(path));
			putchar('\n');
		} else {
			put_mark('=', path);
			puts(" other names were made or removed");
		}
	}
	if (change->record_count > 0) {
		put_mark('~', path);
		fputs(" grew by", stdout);
		put_added(change, node);
		printf(", from byte %" PRIu64 "\n", change->old_size);
	}
	if (change->has_attr) {
		put_mark('@', path);
		puts(" mode, owner or times changed");
	}
}

static bool put_change(struct diff *diff, const struct change *change)
{
	const struct past_node *node = past_node(&diff->past, change->inode);
	char *path = path_of(&diff->past, change->inode, no_name);
	bool is_good = true;

	if (node->kind != 0 && node->made_seq >= diff->from_count)
		put_made(change, node, path);
	else
		put_kept(change, node, path);
	if (diff->has_text && node->size > change->old_size)
		is_good = put_text(diff, change, path ? path : "?", node);
	free(path);
	return is_good && !ferror(stdout);
}

static void put_refusal(const struct refusal *refusal)
{
	const char *op = ink_op_name(refusal->op);

	put_mark('!', refusal->path);
	printf(" refused: %s", op ? op : "?");
	if (refusal->to) {
		fputs(" to ", stdout);
		text_put_word(stdout, refusal->to, strlen(refusal->to));
	}
	if (refusal->count > 1)
		printf(", %" PRIu64 " times", refusal->count);
	putchar('\n');
}

static bool put_all(struct diff *diff)
{
	for (size_t i = 0; i < diff->change_count; i++) {
		if (!put_change(diff, &diff->changes[i]))
			return false;
	}
	for (size_t i = 0; i < diff->refusal_count; i++)
		put_refusal(&diff->refusals[i]);
	return true;
}

static void diff_release(struct diff *diff)
{
	for (size_t i = 0; i < diff->change_count; i++)
		free(diff->changes[i].old_path);
	for (size_t i = 0; i < diff->refusal_count; i++)
		refusal_release(&diff->refusals[i]);
	free(diff->changes);
	free(diff->refusals);
}

static int run_on(struct diff *diff, const char *store_path, const char *from, const char *to)
{
	uint64_t to_count;
	bool is_usage, is_good;

	if (!past_parse("diff", from, diff->store, store_path, &diff->from_count, &is_usage) ||
	    !past_parse("diff", to, diff->store, store_path, &to_count, &is_usage))
		return is_usage ? EXIT_USAGE : EXIT_BAD;
	if (diff->from_count > to_count)
		return usage_error("diff", "the first moment is after the second");
	if (!past_open(&diff->past, store_path, diff->is_unverified))
		return EXIT_BAD;
	is_good = past_read_to(&diff->past, diff->from_count, NULL, NULL) &&
		  past_read_to(&diff->past, to_count, take_record, diff) && put_all(diff);
	if (is_good && diff->past.records.damaged_count > 0) {
		complain("some records are not what was recorded; run 'inkfs verify'");
		is_good = false;
	}
	past_close(&diff->past);
	return is_good ? EXIT_GOOD : EXIT_BAD;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "patch", no_argument, NULL, 'p' },
					       { "raw", no_argument, NULL, 'r' },
					       { "no-verify", no_argument, NULL, 'n' },
					       { 0 } };
	struct diff diff = { .is_escaped = isatty(STDOUT_FILENO) };
	struct target target;
	int option, code;

	while ((option = next_option(argc, argv, ":p", longs)) != -1) {
		switch (option) {
		case 'p': diff.has_text = true; break;
		case 'r': diff.is_escaped = false; break;
		case 'n': diff.is_unverified = true; break;
		default: return EXIT_USAGE;
		}
	}
	if (!has_operands(argc, argv, 3, 3, "one store or mount point and two moments"))
		return EXIT_USAGE;
	if (!open_target(argv[optind], &target, &diff.store))
		return EXIT_BAD;
	code = run_on(&diff, target.store, argv[optind + 1], argv[optind + 2]);
	diff_release(&diff);
	close_target(&target, diff.store);
	return code;
}

const struct cmd cmd_diff = {
	.name = "diff",
	.run = run,
	.summary = "say what changed between two moments",
	.usage =
		"usage: inkfs diff STORE|MOUNTPOINT A B [-p | --patch] [--raw] [--no-verify]\n"
		"\n"
		"What happened between two moments, each the number of a record (right after it) or a time as for\n"
		"'inkfs log --since'.  A line each, in the order in which files were made, refusals last:\n"
		"\n"
		"  + PATH  made          ~ PATH  grew            @ PATH  mode, owner or times changed\n"
		"  > PATH  renamed       - PATH  removed         = PATH  other names made or removed\n"
		"  ! PATH  refused operations\n"
		"\n"
		"  -p, --patch  the bytes that were added too, each line behind '  +'\n"
		"  --raw        bytes as they were written, on a terminal too\n"
		"  --no-verify  do not hold records against their digests\n"
		"\n"
		"example:\n"
		"  inkfs diff /mnt/log '2 hours ago' now -p\n",
};
