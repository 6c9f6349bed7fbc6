/* SPDX-License-Identifier: MIT */
/* What a store says of itself, actors, and the way from records to places and names. */
#include "store_private.h"

#include <fcntl.h>
#include <stdio.h>

/* Up to the first that is missing: the count is the index's word. */
static uint64_t count_log_bytes(const struct ink_store *store, uint32_t segment_count,
				uint64_t end_place)
{
	uint64_t bytes = place_offset(end_place);

	for (uint32_t i = 0; i + 1 < segment_count; i++) {
		char path[PATH_MAX];
		struct stat st;

		segment_path(store->log_dir, i, path);
		if (stat(path, &st) != 0)
			break;
		bytes += (uint64_t)st.st_size;
	}
	return bytes;
}

/* A store that is only read has sealed nothing itself: the time stands in the last seal's record. */
static int64_t read_seal_time(struct ink_store *store, uint64_t seq)
{
	uint8_t head[FRAME_OFF_BODY], leaf[INK_HASH_SIZE];
	struct ink_header header;
	uint64_t place;
	size_t size;

	if (catalog_place(store->catalog, seq, &place) != INK_OK ||
	    segments_read(store->segments, place_segment(place), head, sizeof(head),
			  place_offset(place), &size) != INK_OK ||
	    size != sizeof(head) || frame_decode(head, &header, leaf) != INK_OK ||
	    header.seq != seq)
		return 0;
	return header.wall_ns;
}

void ink_status(struct ink_store *store, struct ink_status *ret_status)
{
	struct ink_status s = { 0 };
	const struct head *head;
	uint64_t end_place;

	pthread_mutex_lock(&store->lock);
	head = catalog_head(store->catalog);
	end_place = head->end_place;
	s.record_count = head->record_count;
	s.payload_bytes = head->payload_bytes;
	s.file_count = head->next_inode - 1;
	s.refusal_count = head->refusal_count;
	s.sealed_count = sealed_count(store);
	s.seal_wall_ns = store->seal_wall_ns ? store->seal_wall_ns
					     : read_seal_time(store, head->last_seal_seq);
	s.durable_count = store->durable_count > store->index_count ? store->durable_count
								    : store->index_count;
	if (head->durable_size > s.durable_count)
		s.durable_count = head->durable_size;
	s.index_count = store->index_count;
	s.seal_count = store->seal_count;
	memcpy(s.refusals_by_op, store->refusals_by_op, sizeof(s.refusals_by_op));
	s.epoch = head->epoch;
	store_epoch_age(store, &s.epoch_s, &s.epoch_age_s);
	s.is_epoch_overdue = store->troubles[TROUBLE_EPOCH].error != 0 ||
			     store_epoch_is_overdue(s.epoch_s, s.epoch_age_s);
	s.is_closed = head->is_closed;
	s.has_failed = store->has_failed;
	pthread_mutex_unlock(&store->lock);
	memcpy(s.store_id, store->store_id, INK_STORE_ID_SIZE);
	snprintf(s.origin, sizeof(s.origin), "%s", store->origin);
	snprintf(s.vkey, sizeof(s.vkey), "%s", store->vkey);
	s.segment_size = store->segment_size;
	s.segment_count = (uint64_t)place_segment(end_place) + 1;
	s.log_bytes = count_log_bytes(store, place_segment(end_place) + 1, end_place);
	*ret_status = s;
}

enum ink_err ink_file_info(struct ink_store *store, uint64_t number, struct ink_file_info *ret_info)
{
	struct inode *inode;
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = catalog_inode(store->catalog, number, &inode);
	if (err == INK_OK) {
		ret_info->record_count = inode->record_count;
		ret_info->last_seq = inode->last_seq;
		memcpy(ret_info->last_leaf, inode->last_leaf, INK_HASH_SIZE);
		ret_info->is_sealed =
			inode->record_count == 0 || inode->last_seq < sealed_count(store);
	}
	pthread_mutex_unlock(&store->lock);
	return err;
}

static void cut(struct ink_str *str, uint32_t size_max)
{
	if (str->size > size_max)
		str->size = size_max;
}

/* What is not known is zero or empty, whatever the caller left there. */
static void clear_unknown(struct ink_body_actor *actor)
{
	static const struct ink_str none = { "", 0 };

	actor->known &= INK_KNOWN_PROCESS | INK_KNOWN_LOGIN | INK_KNOWN_SESSION | INK_KNOWN_COMM |
			INK_KNOWN_EXE | INK_KNOWN_CGROUP | INK_KNOWN_ENVIRON;
	if (!(actor->known & INK_KNOWN_PROCESS)) {
		actor->ppid = 0;
		actor->start_time = 0;
	}
	if (!(actor->known & INK_KNOWN_LOGIN))
		actor->login_uid = 0;
	if (!(actor->known & INK_KNOWN_SESSION))
		actor->session_id = 0;
	if (!(actor->known & INK_KNOWN_COMM))
		actor->comm = none;
	if (!(actor->known & INK_KNOWN_EXE))
		actor->exe = none;
	if (!(actor->known & INK_KNOWN_CGROUP))
		actor->cgroup = none;
	if (!(actor->known & INK_KNOWN_ENVIRON)) {
		actor->ci_system = none;
		actor->ci_count = 0;
	}
}

enum ink_err ink_actor(struct ink_store *store, uint32_t uid, uint32_t gid,
		       const struct ink_body_actor *actor, uint64_t *ret_actor)
{
	enum { TEXT_MAX = 4096, CI_NAME_MAX = 128, CI_VALUE_MAX = 512 };
	struct ink_caller caller = { uid, gid, 0 };
	union ink_body body = { .actor = *actor };
	enum ink_err err;
	uint64_t seq;

	clear_unknown(&body.actor);
	cut(&body.actor.comm, INK_NAME_SIZE_MAX);
	cut(&body.actor.exe, TEXT_MAX);
	cut(&body.actor.cgroup, TEXT_MAX);
	cut(&body.actor.ci_system, INK_NAME_SIZE_MAX);
	if (body.actor.ci_count > INK_CI_COUNT_MAX)
		body.actor.ci_count = INK_CI_COUNT_MAX;
	for (unsigned i = 0; i < body.actor.ci_count; i++) {
		cut(&body.actor.ci[i].name, CI_NAME_MAX);
		cut(&body.actor.ci[i].value, CI_VALUE_MAX);
	}
	pthread_mutex_lock(&store->lock);
	seq = catalog_head(store->catalog)->record_count;
	err = store->options.is_read_only ? INK_OK
					  : store_record(store, INK_ACTOR, &caller, 0, &body);
	if (err == INK_OK)
		*ret_actor = store->options.is_read_only ? 0 : seq;
	pthread_mutex_unlock(&store->lock);
	return err;
}

enum ink_err ink_place(struct ink_store *store, uint64_t seq, uint64_t *ret_place)
{
	enum ink_err err;

	pthread_mutex_lock(&store->lock);
	err = catalog_place(store->catalog, seq, ret_place);
	pthread_mutex_unlock(&store->lock);
	return err;
}

/* One name of @number: its folder and the name itself.  The name is copied in front of ret_path[*at]. */
static bool put_name_before(struct ink_store *store, uint64_t number, uint64_t *ret_parent,
			    char *path, size_t *at)
{
	struct index_pair pair;
	const uint8_t *value;
	uint8_t key[16];
	uint64_t cookie;
	size_t size;

	key_u64_pair(number, 0, key);
	if (index_seek(store->index, DB_LINKS, key, sizeof(key), false, &pair) != INK_OK ||
	    pair.key_size != 16 || pair.value_size != 8 || be64_load(pair.key) != number)
		return false;
	cookie = be64_load(pair.key + 8);
	*ret_parent = be64_load(pair.value);
	key_u64_pair(*ret_parent, cookie, key);
	if (index_get(store->index, DB_ENTRIES, key, sizeof(key), &value, &size) != INK_OK ||
	    size < 13)
		return false;
	size -= 12;
	if (size + 1 > *at)
		return false;
	*at -= size;
	memcpy(path + *at, value + 12, size);
	path[--*at] = '/';
	return true;
}

void ink_path(struct ink_store *store, uint64_t number, char *ret_path, size_t size)
{
	static const char cut_mark[] = "…";
	char path[PATH_MAX];
	size_t room = size > sizeof(cut_mark) ? size - sizeof(cut_mark) : 0;
	size_t at = sizeof(path) - 1, have;
	uint64_t start = number;

	path[at] = '\0';
	pthread_mutex_lock(&store->lock);
	/* No deeper than a path can be long: every step takes at least two bytes. */
	while (number != INK_ROOT_INODE && put_name_before(store, number, &number, path, &at))
		;
	pthread_mutex_unlock(&store->lock);
	have = sizeof(path) - 1 - at;
	if (number != INK_ROOT_INODE && at == sizeof(path) - 1)
		snprintf(ret_path, size, "(inode %llu)", (unsigned long long)start);
	else if (start == INK_ROOT_INODE)
		snprintf(ret_path, size, "/");
	else if (number != INK_ROOT_INODE || have + 1 > size)
		snprintf(ret_path, size, "%s%s", cut_mark,
			 path + sizeof(path) - 1 - (have < room ? have : room));
	else
		snprintf(ret_path, size, "%s", path + at);
}
