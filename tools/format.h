/* SPDX-License-Identifier: MIT */
/*
 * The shapes in which `inkfs log` prints a record.
 *
 * Owns: names and columns of the formats.  Knows nothing of: files, filters, where lines go.  Threads: one per struct line.
 *
 * Each line depends on nothing but the records up to it, so that who stops and goes on later prints the same.
 */
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include "line.h"
#include "replay.h"

/* One record, with what is known of it from those before. */
struct event {
	const struct ink_header *header;
	const union ink_body *body; /* NULL where there is none to read */
	bool is_erased;             /* why; else it is damaged */
	bool has_path;
	struct ink_str path; /* as it was right before the record */
	bool is_folder;      /* what the path names, if that is known */
	struct replay *replay;
	struct ink_str host, origin; /* from MOUNT and GENESIS; may be empty */
	bool is_pretty;              /* text: in columns and coloured, for a terminal */
};

struct format {
	const char *name;
	const char *heading; /* first line of the output, or NULL */
	void (*put)(struct line *line, const struct event *event);
};

/* NULL if there is none of that name. */
const struct format *format_find(const char *name);

/* In format.c and format_siem.c. */
void format_text(struct line *line, const struct event *event);
void format_json(struct line *line, const struct event *event);
void format_csv(struct line *line, const struct event *event);
void format_ecs(struct line *line, const struct event *event);
void format_ocsf(struct line *line, const struct event *event);

/* For the formats: the caller of the record, or the process that an ACTOR tells of; NULL if not known. */
const struct replay_actor *event_actor(const struct event *event);
/* Is there a caller at all: CREATE to DENIED, and ACTOR? */
bool event_has_caller(const struct event *event);
const char *event_kind(const struct event *event);

#endif
