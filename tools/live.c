/* SPDX-License-Identifier: MIT */
#include "live.h"

#include "text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool get_u64(const json_t *object, const char *name, uint64_t *ret_value)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret_value = (uint64_t)json_integer_value(value);
	return true;
}

static bool get_bool(const json_t *object, const char *name, bool *ret_value)
{
	const json_t *value = json_object_get(object, name);

	*ret_value = json_is_true(value);
	return json_is_boolean(value);
}

static bool get_text(const json_t *object, const char *name, char ret_text[static INK_VKEY_SIZE])
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text || strlen(text) >= INK_VKEY_SIZE)
		return false;
	memcpy(ret_text, text, strlen(text) + 1);
	return true;
}

static bool get_id(const json_t *object, uint8_t ret_id[static INK_STORE_ID_SIZE])
{
	const char *text = json_string_value(json_object_get(object, "store_id"));

	return text && text_unhex(text, ret_id, INK_STORE_ID_SIZE);
}

/* Older drivers do not say it, and a mount without checkpoint-to says null. */
static void decode_handout(const json_t *object, struct live_handout *ret_handout)
{
	const json_t *handout = json_object_get(object, "checkpoint_to");
	struct live_handout h = { 0 };

	h.is_there = get_u64(handout, "records", &h.records) &&
		     get_bool(handout, "failing", &h.is_failing) &&
		     get_bool(handout, "conflict", &h.has_conflict);
	*ret_handout = h;
}

static bool decode(const json_t *object, struct ink_status *ret_status)
{
	const char *schema = json_string_value(json_object_get(object, "schema"));
	uint64_t epoch = 0, epoch_s = 0, seal_wall_ns = 0;
	struct ink_status s = { 0 };

	if (!schema || strcmp(schema, "inkfs-status/1") != 0 ||
	    !get_text(object, "origin", s.origin) || !get_text(object, "key", s.vkey) ||
	    !get_id(object, s.store_id) || !get_u64(object, "records", &s.record_count) ||
	    !get_u64(object, "sealed", &s.sealed_count) ||
	    !get_u64(object, "durable", &s.durable_count) ||
	    !get_u64(object, "indexed", &s.index_count) ||
	    !get_u64(object, "seal_wall_ns", &seal_wall_ns) || !get_u64(object, "epoch", &epoch) ||
	    !get_u64(object, "epoch_length_s", &epoch_s) ||
	    !get_u64(object, "epoch_age_s", &s.epoch_age_s) ||
	    !get_bool(object, "epoch_overdue", &s.is_epoch_overdue) ||
	    !get_u64(object, "payload_bytes", &s.payload_bytes) ||
	    !get_u64(object, "log_bytes", &s.log_bytes) ||
	    !get_u64(object, "segments", &s.segment_count) ||
	    !get_u64(object, "segment_size", &s.segment_size) ||
	    !get_u64(object, "files", &s.file_count) ||
	    !get_u64(object, "refused", &s.refusal_count) ||
	    !get_bool(object, "failed", &s.has_failed) || !get_bool(object, "closed", &s.is_closed))
		return false;
	s.epoch = (uint32_t)epoch;
	s.epoch_s = (uint32_t)epoch_s;
	s.seal_wall_ns = (int64_t)seal_wall_ns;
	*ret_status = s;
	return true;
}

bool live_status(const struct target *target, struct ink_status *ret_status,
		 struct live_handout *ret_handout)
{
	json_t *object = NULL;
	char *path = NULL;
	bool is_good;

	if (!target->mount_point ||
	    asprintf(&path, "%s/.inkfs/status.json", target->mount_point) < 0)
		return false;
	object = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	is_good = object && decode(object, ret_status);
	if (is_good)
		decode_handout(object, ret_handout);
	json_decref(object);
	free(path);
	return is_good;
}
