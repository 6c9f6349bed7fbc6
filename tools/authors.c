/* SPDX-License-Identifier: MIT */
#include "authors.h"

#include "text.h"

/* Is the process that wrote record @at among those before it? */
static bool was_before(const struct author *authors, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (authors[i].actor == authors[at].actor && authors[i].uid == authors[at].uid)
			return true;
	}
	return false;
}

void authors_put_who(struct line *out, struct replay *replay, const struct author *authors,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct replay_actor *actor = replay_actor(replay, authors[i].actor);

		if (was_before(authors, i))
			continue;
		if (i > 0)
			line_putc(out, '+');
		if (i == 0 || authors[i].uid != authors[i - 1].uid) {
			line_puts(out, "uid=");
			line_u64(out, authors[i].uid);
			line_putc(out, ' ');
		}
		if (!actor) {
			line_putc(out, '?');
			continue;
		}
		text_word(out, actor->comm, strlen(actor->comm));
		line_putc(out, '[');
		line_u64(out, actor->pid);
		line_putc(out, ']');
	}
}

void authors_put_job(struct line *out, struct replay *replay, const struct author *authors)
{
	const struct replay_actor *actor = replay_actor(replay, authors[0].actor);

	if (actor && actor->job[0])
		text_word(out, actor->job, strlen(actor->job));
	else
		line_putc(out, '-');
}

static void put_writer(struct line *out, struct replay *replay, const struct author *author)
{
	const struct replay_actor *actor = replay_actor(replay, author->actor);

	line_puts(out, "{\"uid\":");
	line_u64(out, author->uid);
	if (actor) {
		line_puts(out, ",\"actor\":");
		line_u64(out, actor->seq);
		line_puts(out, ",\"pid\":");
		line_u64(out, actor->pid);
		line_puts(out, ",\"comm\":");
		line_json(out, actor->comm, strlen(actor->comm));
		line_puts(out, ",\"job\":");
		if (actor->job[0])
			line_json(out, actor->job, strlen(actor->job));
		else
			line_puts(out, "null");
	}
	line_putc(out, '}');
}

void authors_put_json(struct line *out, struct replay *replay, const struct author *authors,
		      size_t count)
{
	line_puts(out, ",\"time\":\"");
	line_time(out, authors[0].wall_ns);
	line_puts(out, "\",\"records\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			line_putc(out, ',');
		line_u64(out, authors[i].seq);
	}
	line_puts(out, "],\"writers\":[");
	for (size_t i = 0; i < count; i++) {
		if (was_before(authors, i))
			continue;
		if (i > 0)
			line_putc(out, ',');
		put_writer(out, replay, &authors[i]);
	}
	line_putc(out, ']');
}

bool authors_have_one(const struct author *authors, size_t count, struct filter *filter,
		      struct replay *replay)
{
	for (size_t i = 0; i < count; i++) {
		struct ink_header header = { .kind = INK_APPEND,
					     .seq = authors[i].seq,
					     .wall_ns = authors[i].wall_ns,
					     .uid = authors[i].uid,
					     .actor = authors[i].actor };

		if (filter_has_caller(filter, replay, &header))
			return true;
	}
	return false;
}
