/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include "array.h"
#include "common.h"
#include "job.h"
#include "timespec.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

struct filter_verdict {
	uint64_t actor;
	bool is_wanted;
};

void filter_init(struct filter *filter)
{
	*filter = (struct filter){ .to_seq = UINT64_MAX };
}

void filter_release(struct filter *filter)
{
	free(filter->verdicts);
	filter->verdicts = NULL;
}

/* --- options --------------------------------------------------------------------- */

static uint32_t kind_bit(const char *name, size_t size)
{
	for (unsigned kind = 1; kind <= INK_KIND_LAST; kind++) {
		const char *known = ink_kind_name((uint8_t)kind);

		if (strlen(known) == size && strncasecmp(known, name, size) == 0)
			return UINT32_C(1) << kind;
	}
	return 0;
}

static int take_kinds(struct filter *filter, const char *cmd_name, const char *list)
{
	for (const char *name = list;; name++) {
		size_t size = strcspn(name, ",");
		uint32_t bit = kind_bit(name, size);

		if (bit == 0) {
			usage_error(cmd_name, "there is no kind '%.*s'", (int)size, name);
			return -1;
		}
		filter->kinds |= bit;
		name += size;
		if (*name == '\0')
			return 1;
	}
}

static int take_word(struct filter_list *list, const char *cmd_name, const char *word)
{
	if (list->count == FILTER_LIST_MAX) {
		usage_error(cmd_name, "an option is given more than %d times", FILTER_LIST_MAX);
		return -1;
	}
	list->words[list->count++] = word;
	return 1;
}

static int take_seq(uint64_t *seq, const char *cmd_name, const char *value)
{
	if (parse_u64(value, seq))
		return 1;
	usage_error(cmd_name, "'%s' is no number of a record", value);
	return -1;
}

static int take_time(int64_t *ns, bool *has, const char *cmd_name, const char *value)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*has = true;
	if (timespec_parse(value, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, ns))
		return 1;
	usage_error(cmd_name,
		    "'%s' is no time; '2026-11-21T09:35:17Z' or '2 hours ago' would be one", value);
	return -1;
}

static int take_user(struct filter *filter, const char *cmd_name, const char *value)
{
	uint64_t uid;
	const struct passwd *user = NULL;

	if (filter->uid_count == FILTER_LIST_MAX) {
		usage_error(cmd_name, "--user is given more than %d times", FILTER_LIST_MAX);
		return -1;
	}
	if (!parse_u64(value, &uid) || uid > UINT32_MAX) {
		user = getpwnam(value);
		if (!user) {
			usage_error(cmd_name,
				    "there is no user '%s' on this machine; give the number",
				    value);
			return -1;
		}
		uid = user->pw_uid;
	}
	filter->uids[filter->uid_count++] = (uint32_t)uid;
	return 1;
}

int filter_take(struct filter *filter, const char *cmd_name, int option, const char *value)
{
	switch (option) {
	case FILTER_SINCE: return take_time(&filter->since_ns, &filter->has_since, cmd_name, value);
	case FILTER_UNTIL: return take_time(&filter->until_ns, &filter->has_until, cmd_name, value);
	case FILTER_FROM:
		filter->is_behind = false;
		return take_seq(&filter->from_seq, cmd_name, value);
	case FILTER_TO: return take_seq(&filter->to_seq, cmd_name, value);
	case FILTER_AFTER:
		if (take_seq(&filter->from_seq, cmd_name, value) < 0)
			return -1;
		filter->from_seq += filter->from_seq < UINT64_MAX;
		filter->is_behind = true;
		return 1;
	case FILTER_KIND: return take_kinds(filter, cmd_name, value);
	case FILTER_PATH:
		if (value[0] != '\0')
			return take_word(&filter->paths, cmd_name, value);
		usage_error(cmd_name, "--path '' is no path; '/' is all of them");
		return -1;
	case FILTER_USER: return take_user(filter, cmd_name, value);
	case FILTER_PROCESS: return take_word(&filter->processes, cmd_name, value);
	case FILTER_JOB: return take_word(&filter->jobs, cmd_name, value);
	default: return 0;
	}
}

bool filter_is_possible(const struct filter *filter, const char *cmd_name)
{
	if (filter->has_since && filter->has_until && filter->since_ns > filter->until_ns) {
		usage_error(cmd_name, "--since is a later time than --until");
		return false;
	}
	/* What comes behind the last record that is wanted is nothing, and may be asked for. */
	if (filter->from_seq <= filter->to_seq || filter->is_behind)
		return true;
	usage_error(cmd_name, "--from %" PRIu64 " comes behind --to %" PRIu64, filter->from_seq,
		    filter->to_seq);
	return false;
}

/* --- decisions ----------------------------------------------------------------------- */

static bool matches(const char *pattern, const char *path)
{
	size_t size = strlen(pattern);

	if (fnmatch(pattern, path, 0) == 0)
		return true;
	while (size > 0 && pattern[size - 1] == '/')
		size--;
	return strncmp(path, pattern, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

bool filter_path_matches(const char *pattern, const char *path)
{
	return matches(pattern, path) ||
	       (pattern[0] != '/' && path[0] == '/' && matches(pattern, path + 1));
}

bool filter_has_path(const struct filter *filter, const char *path)
{
	for (size_t i = 0; path && i < filter->paths.count; i++) {
		if (filter_path_matches(filter->paths.words[i], path))
			return true;
	}
	return filter->paths.count == 0;
}

bool filter_has_kind(const struct filter *filter, uint8_t kind)
{
	return filter->kinds == 0 ||
	       (kind <= INK_KIND_LAST && (filter->kinds & (UINT32_C(1) << kind)) != 0);
}

bool filter_has_time(const struct filter *filter, const struct ink_header *header)
{
	return header->seq >= filter->from_seq && header->seq <= filter->to_seq &&
	       (!filter->has_since || header->wall_ns >= filter->since_ns) &&
	       (!filter->has_until || header->wall_ns <= filter->until_ns);
}

bool filter_asks_actor(const struct filter *filter)
{
	return filter->processes.count > 0 || filter->jobs.count > 0;
}

bool filter_asks_caller(const struct filter *filter)
{
	return filter->uid_count > 0 || filter_asks_actor(filter);
}

static bool has_uid(const struct filter *filter, uint32_t uid)
{
	for (size_t i = 0; i < filter->uid_count; i++) {
		if (filter->uids[i] == uid)
			return true;
	}
	return filter->uid_count == 0;
}

static bool is_process(const struct replay_actor *actor, const char *word)
{
	uint64_t pid;

	if (parse_u64(word, &pid))
		return pid == actor->pid;
	return fnmatch(word, strchr(word, '/') ? actor->exe : actor->comm, 0) == 0;
}

static bool has_process(const struct filter *filter, const struct replay_actor *actor)
{
	for (size_t i = 0; actor && i < filter->processes.count; i++) {
		if (is_process(actor, filter->processes.words[i]))
			return true;
	}
	return filter->processes.count == 0;
}

static bool has_job(const struct filter *filter, const struct replay_actor *actor)
{
	for (size_t i = 0; i < filter->jobs.count; i++) {
		const char *word = filter->jobs.words[i];

		if (actor ? job_matches(actor, word) : strcmp(word, JOB_NONE) == 0)
			return true;
	}
	return filter->jobs.count == 0;
}

static bool is_asked_for(const struct filter *filter, const struct replay_actor *actor)
{
	return has_process(filter, actor) && has_job(filter, actor);
}

/* Where the verdict on @seq is or belongs. */
static size_t verdict_position(const struct filter *filter, uint64_t seq)
{
	size_t at = 0, end = filter->verdict_count;

	while (at < end) {
		size_t middle = at + (end - at) / 2;

		if (filter->verdicts[middle].actor < seq)
			at = middle + 1;
		else
			end = middle;
	}
	return at;
}

bool filter_has_actor(struct filter *filter, struct replay *replay, uint64_t seq)
{
	size_t at = verdict_position(filter, seq);
	bool is_wanted;

	if (at < filter->verdict_count && filter->verdicts[at].actor == seq)
		return filter->verdicts[at].is_wanted;
	is_wanted = is_asked_for(filter, replay_actor(replay, seq));
	/* Without memory it is decided anew each time. */
	if (!array_grow((void **)&filter->verdicts, filter->verdict_count,
			&filter->verdict_capacity, sizeof(*filter->verdicts)))
		return is_wanted;
	memmove(filter->verdicts + at + 1, filter->verdicts + at,
		(filter->verdict_count - at) * sizeof(*filter->verdicts));
	filter->verdicts[at] = (struct filter_verdict){ seq, is_wanted };
	filter->verdict_count++;
	return is_wanted;
}

bool filter_has_login(const struct filter *filter, struct replay *replay, uint64_t seq)
{
	const struct replay_actor *actor = replay_actor(replay, seq);

	return actor && (actor->known & INK_KNOWN_LOGIN) && has_uid(filter, actor->login_uid);
}

bool filter_has_caller(struct filter *filter, struct replay *replay,
		       const struct ink_header *header)
{
	uint64_t actor = header->kind == INK_ACTOR ? header->seq : header->actor;
	bool has_one = header->kind == INK_ACTOR ||
		       (header->kind >= INK_CREATE && header->kind <= INK_DENIED);

	if (!filter_has_time(filter, header))
		return false;
	if (!filter_asks_caller(filter))
		return true;
	if (!has_one)
		return false;
	if (!has_uid(filter, header->uid) && !filter_has_login(filter, replay, actor))
		return false;
	return !filter_asks_actor(filter) || filter_has_actor(filter, replay, actor);
}
