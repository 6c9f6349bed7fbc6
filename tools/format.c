/* SPDX-License-Identifier: MIT */
#include "format.h"

#include "describe.h"
#include "text.h"

static const struct format formats[] = {
	{ "text", NULL, format_text },
	{ "json", NULL, format_json },
	{ "csv",
	  "seq,time,kind,path,inode,uid,gid,actor,pid,ppid,comm,exe,login_uid,job,op,errno,count,"
	  "offset,size,detail\r\n",
	  format_csv },
	{ "ecs", NULL, format_ecs },
	{ "ocsf", NULL, format_ocsf },
};

const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	}
	return NULL;
}

bool event_has_caller(const struct event *event)
{
	uint8_t kind = event->header->kind;

	return kind == INK_ACTOR || (kind >= INK_CREATE && kind <= INK_DENIED);
}

const struct replay_actor *event_actor(const struct event *event)
{
	const struct ink_header *header = event->header;

	if (!event_has_caller(event))
		return NULL;
	return replay_actor(event->replay, header->kind == INK_ACTOR ? header->seq : header->actor);
}

const char *event_kind(const struct event *event)
{
	const char *name = ink_kind_name(event->header->kind);

	return name ? name : "?";
}

static void put_details(struct fields *fields, const struct event *event)
{
	if (event->body)
		describe_body(fields, event->replay, event->header, event->body);
	else
		fields_text(fields, event->is_erased ? "erased" : "damaged", "yes");
}

/* --- text ------------------------------------------------------------------------ */

enum { SEQ_WIDTH = 7, KIND_WIDTH = 8, PATH_WIDTH = 28 };

static void put_path_word(struct line *line, const struct event *event)
{
	if (event->has_path)
		text_word(line, event->path.data, event->path.size);
	else
		line_putc(line, '-');
}

static void put_plain_head(struct line *line, const struct event *event)
{
	line_u64(line, event->header->seq);
	line_putc(line, ' ');
	line_time(line, event->header->wall_ns);
	line_putc(line, ' ');
	line_puts(line, event_kind(event));
	line_putc(line, ' ');
	put_path_word(line, event);
}

/* The same in columns; red is what was refused or is wrong, grey what the file system says of itself. */
static void put_pretty_head(struct line *line, const struct event *event)
{
	static const char off[] = "\x1b[0m";
	uint8_t kind = event->header->kind;
	const char *color = "\x1b[32m";
	struct line seq = { 0 };
	size_t from;

	line_u64(&seq, event->header->seq);
	for (size_t i = seq.size; i < SEQ_WIDTH; i++)
		line_putc(line, ' ');
	line_put(line, seq.data, seq.size);
	line_release(&seq);
	line_puts(line, "  \x1b[2m");
	line_time(line, event->header->wall_ns);
	line_puts(line, off);
	line_puts(line, "  ");
	if (kind == INK_DENIED || kind == INK_RECOVERY || kind == INK_REKEY || kind == INK_ERASE ||
	    !event->body)
		color = "\x1b[1;31m";
	else if (!event_has_caller(event) || kind == INK_ACTOR)
		color = "\x1b[2m";
	line_puts(line, color);
	from = line->size;
	line_puts(line, event_kind(event));
	line_pad(line, from, KIND_WIDTH);
	line_puts(line, off);
	line_puts(line, "  \x1b[1m");
	from = line->size;
	put_path_word(line, event);
	line_pad(line, from, PATH_WIDTH);
	line_puts(line, off);
}

void format_text(struct line *line, const struct event *event)
{
	struct fields fields = { .line = line };

	if (event->is_pretty)
		put_pretty_head(line, event);
	else
		put_plain_head(line, event);
	put_details(&fields, event);
	describe_caller(&fields, event->replay, event->header);
	line_putc(line, '\n');
}

/* --- json ------------------------------------------------------------------------- */

void format_json(struct line *line, const struct event *event)
{
	struct fields fields = { .line = line, .is_json = true };

	line_puts(line, "{\"schema\":\"inkfs-log/1\"");
	fields_u64(&fields, "seq", event->header->seq);
	line_puts(line, ",\"time\":\"");
	line_time(line, event->header->wall_ns);
	line_puts(line, "\",\"kind\":\"");
	line_puts(line, event_kind(event));
	line_puts(line, "\",\"path\":");
	if (event->has_path)
		line_json(line, event->path.data, event->path.size);
	else
		line_puts(line, "null");
	fields_u64(&fields, "inode", event->header->inode);
	put_details(&fields, event);
	describe_caller(&fields, event->replay, event->header);
	line_puts(line, "}\n");
}

/* --- csv -------------------------------------------------------------------------- */

static void put_number_if(struct line *line, bool is_there, uint64_t value)
{
	line_putc(line, ',');
	if (is_there)
		line_u64(line, value);
}

static void put_text_if(struct line *line, bool is_there, const char *text)
{
	line_putc(line, ',');
	if (is_there)
		line_csv(line, text, strlen(text));
}

static void put_caller_columns(struct line *line, const struct event *event)
{
	const struct replay_actor *actor = event_actor(event);
	bool has_caller = event_has_caller(event);
	uint32_t known = actor ? actor->known : 0;

	put_number_if(line, has_caller, event->header->uid);
	put_number_if(line, has_caller, event->header->gid);
	put_number_if(line, actor, actor ? actor->seq : 0);
	put_number_if(line, actor, actor ? actor->pid : 0);
	put_number_if(line, known & INK_KNOWN_PROCESS, actor ? actor->ppid : 0);
	put_text_if(line, actor, actor ? actor->comm : "");
	put_text_if(line, actor, actor ? actor->exe : "");
	put_number_if(line, known & INK_KNOWN_LOGIN, actor ? actor->login_uid : 0);
	put_text_if(line, actor, actor ? actor->job : "");
}

static void put_denied_columns(struct line *line, const struct ink_body_denied *denied)
{
	const char *op = denied ? ink_op_name(denied->op) : NULL;
	const char *error = denied ? strerrorname_np((int)denied->errno_code) : NULL;

	put_text_if(line, op, op);
	put_text_if(line, error, error);
	put_number_if(line, denied, denied ? denied->count : 0);
}

void format_csv(struct line *line, const struct event *event)
{
	const struct ink_header *header = event->header;
	bool is_denied = event->body && header->kind == INK_DENIED;
	bool is_append = header->kind == INK_APPEND;
	struct line detail = { 0 };
	struct fields fields = { .line = &detail };

	line_u64(line, header->seq);
	line_putc(line, ',');
	line_time(line, header->wall_ns);
	line_putc(line, ',');
	line_puts(line, event_kind(event));
	line_putc(line, ',');
	if (event->has_path)
		line_csv(line, event->path.data, event->path.size);
	put_number_if(line, header->inode != 0, header->inode);
	put_caller_columns(line, event);
	put_denied_columns(line, is_denied ? &event->body->denied : NULL);
	put_number_if(line, is_append, header->offset);
	put_number_if(line, is_append, header->body_size);
	line_putc(line, ',');
	if (!is_append || !event->body)
		put_details(&fields, event);
	if (detail.size >
	    1) /* all but the space that fields begin with; it is shown safely already */
		line_csv(line, detail.data + 1, detail.size - 1);
	line->has_failed |= detail.has_failed;
	line_release(&detail);
	line_puts(line, "\r\n");
}
