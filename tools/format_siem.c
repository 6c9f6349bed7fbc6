/* SPDX-License-Identifier: MIT */
/*
 * The formats of other people: Elastic Common Schema 8.11 and OCSF 1.1.0.  Whatever a record says that has no place in
 * them stands under "inkfs" (ECS: fields of one's own) or "unmapped" (OCSF), as in the format json.
 */
#include "format.h"

#include "describe.h"

#define ECS_VERSION "8.11.0"
#define OCSF_VERSION "1.1.0"

enum { NS_PER_MS = 1000000 };

/* OCSF's activities of class 1001. */
enum activity {
	ACTIVITY_CREATE = 1,
	ACTIVITY_UPDATE = 3,
	ACTIVITY_DELETE = 4,
	ACTIVITY_RENAME = 5,
	ACTIVITY_SET_ATTRIBUTES = 6,
	ACTIVITY_SET_SECURITY = 7,
	ACTIVITY_OPEN = 14,
	ACTIVITY_OTHER = 99,
};

static void put_string(struct line *line, const char *key, const char *value)
{
	line_puts(line, key);
	line_json(line, value, strlen(value));
}

static void put_str(struct line *line, const char *key, struct ink_str value)
{
	line_puts(line, key);
	line_json(line, value.data, value.size);
}

static void put_number(struct line *line, const char *key, uint64_t value)
{
	line_puts(line, key);
	line_u64(line, value);
}

/* A number that is an identifier: a string in both. */
static void put_id(struct line *line, const char *key, uint64_t value)
{
	line_puts(line, key);
	line_putc(line, '"');
	line_u64(line, value);
	line_putc(line, '"');
}

static bool is_denied(const struct event *event)
{
	return event->header->kind == INK_DENIED;
}

/* What the path ends in; "/" for the root. */
static struct ink_str base_name(struct ink_str path)
{
	uint32_t at = path.size;

	while (at > 1 && path.data[at - 1] != '/')
		at--;
	return path.size > 1 ? (struct ink_str){ path.data + at, path.size - at } : path;
}

/* All fields of the record that inkfs itself has, as an object. */
static void put_own_fields(struct line *line, const char *key, const struct event *event)
{
	const struct replay_actor *actor = event_actor(event);
	struct fields fields = { .line = line, .is_json = true };

	line_puts(line, key);
	line_puts(line, "{\"kind\":\"");
	line_puts(line, event_kind(event));
	line_putc(line, '"');
	fields_u64(&fields, "inode", event->header->inode);
	if (event->header->actor != 0)
		fields_u64(&fields, "actor", event->header->actor);
	if (actor && event->header->kind != INK_ACTOR && (actor->known & INK_KNOWN_LOGIN))
		fields_u64(&fields, "login_uid", actor->login_uid);
	if (actor && event->header->kind != INK_ACTOR && actor->job[0])
		fields_text(&fields, "job", actor->job);
	if (event->body)
		describe_body(&fields, event->replay, event->header, event->body);
	else
		fields_text(&fields, event->is_erased ? "erased" : "damaged", "yes");
	line_putc(line, '}');
}

/* --- ECS --------------------------------------------------------------------------- */

/* event.type; of a refused operation what it would have been, with the outcome beside it. */
static const char *ecs_type(const struct event *event)
{
	switch ((enum ink_kind)event->header->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK:
	case INK_LINK: return "creation";
	case INK_UNLINK: return "deletion";
	case INK_OPEN:
	case INK_CLOSE: return "access";
	case INK_DENIED: break;
	case INK_MOUNT: return "start";
	case INK_UNMOUNT: return "end";
	case INK_ACTOR: return "info";
	default: return event_has_caller(event) ? "change" : "info";
	}
	if (!event->body)
		return "change";
	switch ((enum ink_op)event->body->denied.op) {
	case INK_OP_UNLINK:
	case INK_OP_RMDIR: return "deletion";
	case INK_OP_MKNOD:
	case INK_OP_LINK: return "creation";
	case INK_OP_OPEN: return "access";
	default: return "change";
	}
}

/* "append", "denied-unlink". */
static void put_ecs_action(struct line *line, const struct event *event)
{
	const char *op = NULL;

	line_puts(line, ",\"action\":\"");
	for (const char *c = event_kind(event); *c; c++)
		line_putc(line, (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c));
	if (is_denied(event) && event->body)
		op = ink_op_name(event->body->denied.op);
	if (op) {
		line_putc(line, '-');
		line_puts(line, op);
	}
	line_putc(line, '"');
}

static void put_ecs_event(struct line *line, const struct event *event)
{
	uint8_t kind = event->header->kind;
	bool is_file = event_has_caller(event) && kind != INK_ACTOR;
	bool is_session = kind == INK_MOUNT || kind == INK_UNMOUNT;

	line_puts(line,
		  ",\"event\":{\"kind\":\"event\",\"module\":\"inkfs\",\"dataset\":\"inkfs.log\"");
	line_puts(line, is_file             ? ",\"category\":[\"file\"]"
			: kind == INK_ACTOR ? ",\"category\":[\"process\"]"
			: is_session        ? ",\"category\":[\"session\"]"
					    : ",\"category\":[\"configuration\"]");
	put_string(line, ",\"type\":[", ecs_type(event));
	line_putc(line, ']');
	put_ecs_action(line, event);
	line_puts(line, is_denied(event) ? ",\"outcome\":\"failure\"" : ",\"outcome\":\"success\"");
	put_number(line, ",\"sequence\":", event->header->seq);
	put_str(line, ",\"id\":", event->origin);
	line->size--; /* the identifier goes on behind the origin */
	put_number(line, "#", event->header->seq);
	line_puts(line, "\"}");
}

static void put_ecs_file(struct line *line, const struct event *event)
{
	struct ink_str name = base_name(event->path);
	uint32_t folder_size = event->path.size - name.size;

	put_id(line, ",\"file\":{\"inode\":", event->header->inode);
	put_str(line, ",\"path\":", event->path);
	put_str(line, ",\"name\":", name);
	if (folder_size > 1)
		folder_size--;
	put_str(line, ",\"directory\":",
		(struct ink_str){ event->path.data, folder_size ? folder_size : 1 });
	line_puts(line, event->is_folder ? ",\"type\":\"dir\"}" : ",\"type\":\"file\"}");
}

static void put_ecs_process(struct line *line, const struct replay_actor *actor)
{
	put_number(line, ",\"process\":{\"pid\":", actor->pid);
	if (actor->comm[0])
		put_string(line, ",\"name\":", actor->comm);
	if (actor->exe[0])
		put_string(line, ",\"executable\":", actor->exe);
	if (actor->known & INK_KNOWN_PROCESS) {
		put_number(line, ",\"parent\":{\"pid\":", actor->ppid);
		line_putc(line, '}');
	}
	line_putc(line, '}');
}

static void put_ecs_container(struct line *line, const struct replay_actor *actor)
{
	struct ink_str id =
		container_of((struct ink_str){ actor->cgroup, (uint32_t)strlen(actor->cgroup) });

	if (id.size == 0)
		return;
	put_str(line, ",\"container\":{\"id\":", id);
	line_putc(line, '}');
}

void format_ecs(struct line *line, const struct event *event)
{
	const struct replay_actor *actor = event_actor(event);

	line_puts(line, "{\"@timestamp\":\"");
	line_time(line, event->header->wall_ns);
	line_puts(line, "\",\"ecs\":{\"version\":\"" ECS_VERSION "\"}");
	put_ecs_event(line, event);
	if (event->host.size > 0) {
		put_str(line, ",\"host\":{\"name\":", event->host);
		line_putc(line, '}');
	}
	if (event->has_path)
		put_ecs_file(line, event);
	if (event_has_caller(event)) {
		put_id(line, ",\"user\":{\"id\":", event->header->uid);
		put_id(line, ",\"group\":{\"id\":", event->header->gid);
		line_puts(line, "}}");
	}
	if (actor) {
		put_ecs_process(line, actor);
		put_ecs_container(line, actor);
	}
	put_own_fields(line, ",\"inkfs\":", event);
	line_puts(line, "}\n");
}

/* --- OCSF -------------------------------------------------------------------------- */

static enum activity denied_activity(const struct event *event)
{
	if (!event->body)
		return ACTIVITY_OTHER;
	switch ((enum ink_op)event->body->denied.op) {
	case INK_OP_OPEN: return ACTIVITY_OPEN;
	case INK_OP_WRITE:
	case INK_OP_TRUNCATE:
	case INK_OP_FALLOCATE: return ACTIVITY_UPDATE;
	case INK_OP_MKNOD:
	case INK_OP_LINK: return ACTIVITY_CREATE;
	case INK_OP_UNLINK:
	case INK_OP_RMDIR: return ACTIVITY_DELETE;
	case INK_OP_RENAME: return ACTIVITY_RENAME;
	case INK_OP_SETXATTR:
	case INK_OP_REMOVEXATTR:
	case INK_OP_IOCTL:
	case INK_OP_SETATTR: return ACTIVITY_SET_ATTRIBUTES;
	}
	return ACTIVITY_OTHER;
}

static enum activity activity_of(const struct event *event)
{
	switch ((enum ink_kind)event->header->kind) {
	case INK_CREATE:
	case INK_MKDIR:
	case INK_SYMLINK:
	case INK_LINK: return ACTIVITY_CREATE;
	case INK_APPEND: return ACTIVITY_UPDATE;
	case INK_UNLINK: return ACTIVITY_DELETE;
	case INK_RENAME: return ACTIVITY_RENAME;
	case INK_OPEN: return ACTIVITY_OPEN;
	case INK_ATTR:
		return event->body && (event->body->attr.mask &
				       (INK_ATTR_MODE | INK_ATTR_UID | INK_ATTR_GID))
			       ? ACTIVITY_SET_SECURITY
			       : ACTIVITY_SET_ATTRIBUTES;
	case INK_DENIED: return denied_activity(event);
	default: return ACTIVITY_OTHER;
	}
}

static void put_ocsf_actor(struct line *line, const struct event *event)
{
	const struct replay_actor *actor = event_actor(event);

	put_id(line, ",\"actor\":{\"user\":{\"uid\":", event->header->uid);
	line_putc(line, '}');
	if (actor) {
		put_number(line, ",\"process\":{\"pid\":", actor->pid);
		put_string(line, ",\"name\":", actor->comm);
		if (actor->exe[0]) {
			const char *name = strrchr(actor->exe, '/');

			put_string(line, ",\"file\":{\"name\":", name ? name + 1 : actor->exe);
			put_string(line, ",\"path\":", actor->exe);
			line_puts(line, ",\"type_id\":1}");
		}
		if (actor->known & INK_KNOWN_PROCESS) {
			put_number(line, ",\"parent_process\":{\"pid\":", actor->ppid);
			line_putc(line, '}');
		}
		line_putc(line, '}');
	}
	line_putc(line, '}');
}

static void put_ocsf_file(struct line *line, const struct event *event)
{
	struct ink_str name = event->has_path ? base_name(event->path) : (struct ink_str){ "?", 1 };
	int type = event->is_folder ? 2 : event->header->kind == INK_SYMLINK ? 7 : 1;

	put_str(line, ",\"file\":{\"name\":", name);
	if (event->has_path)
		put_str(line, ",\"path\":", event->path);
	put_id(line, ",\"uid\":", event->header->inode);
	put_number(line, ",\"type_id\":", event->has_path ? (uint64_t)type : 0);
	line_putc(line, '}');
}

static void put_ocsf_metadata(struct line *line, const struct event *event)
{
	line_puts(
		line,
		",\"metadata\":{\"version\":\"" OCSF_VERSION
		"\",\"product\":{\"name\":\"inkfs\",\"vendor_name\":\"inkfs\",\"version\":\"" INK_VERSION
		"\"}");
	put_str(line, ",\"log_name\":", event->origin);
	put_number(line, ",\"sequence\":", event->header->seq);
	put_id(line, ",\"uid\":", event->header->seq);
	line_putc(line, '}');
}

void format_ocsf(struct line *line, const struct event *event)
{
	bool is_file = event_has_caller(event) && event->header->kind != INK_ACTOR;
	unsigned class_uid = is_file ? 1001 : 0;
	unsigned activity = is_file ? activity_of(event) : ACTIVITY_OTHER;

	put_number(line, "{\"class_uid\":", class_uid);
	put_number(line, ",\"category_uid\":", class_uid / 1000);
	put_number(line, ",\"activity_id\":", activity);
	put_number(line, ",\"type_uid\":", class_uid * 100 + activity);
	if (activity == ACTIVITY_OTHER)
		put_string(line, ",\"activity_name\":", event_kind(event));
	line_puts(line, ",\"time\":");
	line_i64(line, event->header->wall_ns / NS_PER_MS);
	put_number(line, ",\"severity_id\":", is_denied(event) ? 3 : 1);
	put_number(line, ",\"status_id\":", is_denied(event) ? 2 : 1);
	if (is_denied(event) && event->body && event->body->denied.count > 1)
		put_number(line, ",\"count\":", event->body->denied.count);
	put_ocsf_metadata(line, event);
	if (is_file) {
		line_puts(line, ",\"device\":{\"type_id\":0");
		put_str(line, ",\"name\":", event->origin);
		if (event->host.size > 0)
			put_str(line, ",\"hostname\":", event->host);
		line_putc(line, '}');
		put_ocsf_actor(line, event);
		put_ocsf_file(line, event);
	}
	put_own_fields(line, ",\"unmapped\":", event);
	line_puts(line, "}\n");
}
