/* SPDX-License-Identifier: MIT */
#include "actors.h"

#include "array.h"
#include "job.h"

#include <stdlib.h>

struct item {
	struct replay_actor actor;
	char *text; /* all its strings */
};

struct actors {
	struct item *items; /* by seq, ascending */
	size_t count, capacity;
};

struct actors *actors_open(void)
{
	return calloc(1, sizeof(struct actors));
}

void actors_close(struct actors *actors)
{
	if (!actors)
		return;
	for (size_t i = 0; i < actors->count; i++)
		free(actors->items[i].text);
	free(actors->items);
	free(actors);
}

/* Where @seq is or belongs. */
static size_t position(const struct actors *actors, uint64_t seq)
{
	size_t at = 0, end = actors->count;

	/* They mostly come in order. */
	if (end > 0 && actors->items[end - 1].actor.seq < seq)
		return end;
	while (at < end) {
		size_t middle = at + (end - at) / 2;

		if (actors->items[middle].actor.seq < seq)
			at = middle + 1;
		else
			end = middle;
	}
	return at;
}

const struct replay_actor *actors_find(const struct actors *actors, uint64_t seq)
{
	size_t at = position(actors, seq);

	return at < actors->count && actors->items[at].actor.seq == seq ? &actors->items[at].actor
									: NULL;
}

/* A NUL that it holds ends it, so that strings can be told apart. */
static size_t put_string(struct line *line, struct ink_str value)
{
	size_t at = line->size;

	line_put(line, value.data, strnlen(value.size > 0 ? value.data : "", value.size));
	line_putc(line, '\0');
	return at;
}

static bool fill(struct item *item, const struct ink_header *header,
		 const struct ink_body_actor *body)
{
	struct line line = { 0 };
	size_t comm = put_string(&line, body->comm), exe = put_string(&line, body->exe);
	size_t cgroup = put_string(&line, body->cgroup),
	       system = put_string(&line, body->ci_system);
	size_t job = line.size, ci;

	job_label(body, &line);
	line_putc(&line, '\0');
	ci = line.size;
	for (uint16_t i = 0; i < body->ci_count; i++) {
		put_string(&line, body->ci[i].name);
		put_string(&line, body->ci[i].value);
	}
	if (line.has_failed) {
		line_release(&line);
		return false;
	}
	item->text = line.data;
	item->actor = (struct replay_actor){ .seq = header->seq,
					     .uid = header->uid,
					     .gid = header->gid,
					     .pid = body->pid,
					     .ppid = body->ppid,
					     .login_uid = body->login_uid,
					     .known = body->known,
					     .comm = line.data + comm,
					     .exe = line.data + exe,
					     .cgroup = line.data + cgroup,
					     .ci_system = line.data + system,
					     .job = line.data + job,
					     .ci = line.data + ci,
					     .ci_count = body->ci_count };
	return true;
}

bool actors_add(struct actors *actors, const struct ink_header *header,
		const struct ink_body_actor *body)
{
	size_t at = position(actors, header->seq);
	struct item item;

	if (at < actors->count && actors->items[at].actor.seq == header->seq)
		return true;
	if (!array_grow((void **)&actors->items, actors->count, &actors->capacity,
			sizeof(*actors->items)) ||
	    !fill(&item, header, body))
		return false;
	memmove(actors->items + at + 1, actors->items + at,
		(actors->count - at) * sizeof(*actors->items));
	actors->items[at] = item;
	actors->count++;
	return true;
}
