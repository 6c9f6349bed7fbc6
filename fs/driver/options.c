/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver.h"

enum option_id {
	OPT_PROFILE,
	OPT_SEAL,
	OPT_AUDIT,
	OPT_KEYS,
	OPT_EPOCH,
	OPT_SEAL_INTERVAL,
	OPT_SYNC_INTERVAL,
	OPT_HEARTBEAT,
	OPT_THREADS,
	OPT_CHECKPOINT_TO,
	OPT_CHECKPOINT_INTERVAL,
	OPT_CHECKPOINT_TIMEOUT,
	OPT_SYNC,
	OPT_ASYNC,
	OPT_IMMUTABLE,
	OPT_VERIFY_READS,
	OPT_IMMUTABLE_POINT,
	OPT_ALLOW_OTHER,
	OPT_RO,
	OPT_RW,
};

/* One row: a word alone, a choice of @words, a number of @min to @max, or a folder. */
static const struct option_row {
	const char *name;
	const char *unit;     /* of a number; NULL: no number */
	const char *words[4]; /* of a choice; the first is the default */
	uint32_t min, max;
	bool has_value;
} table[] = {
	[OPT_PROFILE] = { "profile", NULL, { "strict", "rotate" }, 0, 0, true },
	[OPT_SEAL] = { "seal", NULL, { "batch", "write" }, 0, 0, true },
	[OPT_AUDIT] = { "audit", NULL, { "none", "opens", "reads" }, 0, 0, true },
	[OPT_KEYS] = { "keys", NULL, { NULL }, 0, 0, true },
	[OPT_EPOCH] = { "epoch", "seconds", { NULL }, 1, 86400, true },
	[OPT_SEAL_INTERVAL] = { "seal-interval", "milliseconds", { NULL }, 1, 60000, true },
	[OPT_SYNC_INTERVAL] = { "sync-interval", "milliseconds", { NULL }, 1, 60000, true },
	[OPT_HEARTBEAT] = { "heartbeat", "seconds", { NULL }, 1, 86400, true },
	[OPT_THREADS] = { "threads", "threads", { NULL }, 1, DRIVER_THREAD_COUNT_MAX, true },
	[OPT_CHECKPOINT_TO] = { "checkpoint-to", NULL, { NULL }, 0, 0, true },
	[OPT_CHECKPOINT_INTERVAL] = { "checkpoint-interval", "seconds", { NULL }, 1, 86400, true },
	[OPT_CHECKPOINT_TIMEOUT] = { "checkpoint-timeout", "seconds", { NULL }, 1, 3600, true },
	[OPT_SYNC] = { "sync", NULL, { NULL }, 0, 0, false },
	[OPT_ASYNC] = { "async", NULL, { NULL }, 0, 0, false },
	[OPT_VERIFY_READS] = { "verify-reads", NULL, { NULL }, 0, 0, false },
	[OPT_IMMUTABLE_POINT] = { "immutable-point", NULL, { NULL }, 0, 0, false },
	[OPT_IMMUTABLE] = { "immutable", NULL, { NULL }, 0, 0, false },
	[OPT_ALLOW_OTHER] = { "allow_other", NULL, { NULL }, 0, 0, false },
	[OPT_RO] = { "ro", NULL, { NULL }, 0, 0, false },
	[OPT_RW] = { "rw", NULL, { NULL }, 0, 0, false },
};

enum { TABLE_COUNT = sizeof(table) / sizeof(table[0]) };

/* For the system. */
static const char *const passed[] = {
	"suid",        "nosuid",        "dev",      "nodev",      "exec",       "noexec",
	"atime",       "noatime",       "diratime", "relatime",   "norelatime", "nodiratime",
	"strictatime", "nostrictatime", "lazytime", "nolazytime", "dirsync",    NULL,
};
static const char *const passed_prefixes[] = { "context=", "fscontext=", "defcontext=",
					       "rootcontext=", NULL };
/* For those who read fstab, not for us. */
static const char *const ignored[] = {
	"defaults",
	"auto",
	"noauto",
	"user",
	"nouser",
	"users",
	"owner",
	"group",
	"nofail",
	"_netdev",
	"silent",
	"loud",
	"default_permissions",
	NULL,
};
static const char *const ignored_prefixes[] = { "x-",       "X-",      "comment=", "user=",
						"uhelper=", "helper=", NULL };

INK_PRINTF(2, 3) static enum ink_err fail(struct ink_error *error, const char *format, ...)
{
	va_list args;

	*error = (struct ink_error){ .code = INK_ERR_INVALID };
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return INK_ERR_INVALID;
}

static bool is_one_of(const char *const *list, const char *word)
{
	for (; *list; list++) {
		if (strcmp(*list, word) == 0)
			return true;
	}
	return false;
}

static bool has_prefix_of(const char *const *list, const char *word)
{
	for (; *list; list++) {
		if (strncmp(*list, word, strlen(*list)) == 0)
			return true;
	}
	return false;
}

static enum ink_err parse_choice(const struct option_row *row, const char *value, uint32_t *ret,
				 struct ink_error *error)
{
	for (uint32_t i = 0; row->words[i]; i++) {
		if (strcmp(row->words[i], value) == 0) {
			*ret = i;
			return INK_OK;
		}
	}
	return fail(error, "option %s is '%s', but it can only be %s, %s%s%s", row->name, value,
		    row->words[0], row->words[1], row->words[2] ? ", " : "",
		    row->words[2] ? row->words[2] : "");
}

static enum ink_err parse_number(const struct option_row *row, const char *value, uint32_t *ret,
				 struct ink_error *error)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || number < row->min ||
	    number > row->max)
		return fail(error, "option %s is '%s', but it is a number of %s from %u to %u",
			    row->name, value, row->unit, row->min, row->max);
	*ret = (uint32_t)number;
	return INK_OK;
}

/* The driver leaves the folder it was started in. */
static enum ink_err parse_keys(struct options *options, const char *value, struct ink_error *error)
{
	if (!realpath(value, options->keys_dir))
		return fail(
			error,
			"option keys is '%s', which cannot be reached: %s; name the folder with the key files",
			value, strerror(errno));
	options->store.keys_dir = options->keys_dir;
	return INK_OK;
}

static enum ink_err parse_checkpoint_to(struct options *options, const char *value,
					struct ink_error *error)
{
	struct stat status;

	if (!realpath(value, options->checkpoint_to) || stat(options->checkpoint_to, &status) != 0)
		return fail(
			error,
			"option checkpoint-to is '%s', which cannot be reached: %s; name a folder, or a program that takes a checkpoint on its stdin",
			value, strerror(errno));
	if (S_ISDIR(status.st_mode) || access(options->checkpoint_to, X_OK) == 0)
		return INK_OK;
	return fail(
		error,
		"option checkpoint-to is '%s', which is neither a folder nor a program; it is one path, without arguments",
		value);
}

static uint32_t *place_of(struct options *options, enum option_id id)
{
	switch (id) {
	case OPT_EPOCH: return &options->store.epoch_s;
	case OPT_SEAL_INTERVAL: return &options->store.seal_interval_ms;
	case OPT_SYNC_INTERVAL: return &options->store.sync_interval_ms;
	case OPT_CHECKPOINT_INTERVAL: return &options->checkpoint_interval_s;
	case OPT_CHECKPOINT_TIMEOUT: return &options->checkpoint_timeout_s;
	case OPT_HEARTBEAT: return &options->store.heartbeat_s;
	default: return &options->thread_count;
	}
}

static void set_choice(struct options *options, enum option_id id, uint32_t choice)
{
	if (id == OPT_PROFILE)
		options->store.profile = (enum ink_profile)choice;
	else if (id == OPT_SEAL)
		options->store.seal_mode = (enum ink_seal_mode)choice;
	else
		options->store.audit = (enum ink_audit)choice;
}

static void set_word(struct options *options, enum option_id id)
{
	if (id == OPT_SYNC)
		options->is_sync = true;
	else if (id == OPT_IMMUTABLE)
		options->store.is_immutable = true;
	else if (id == OPT_VERIFY_READS)
		options->store.verifies_reads = true;
	else if (id == OPT_IMMUTABLE_POINT)
		options->is_point_immutable = true;
	else if (id == OPT_ALLOW_OTHER)
		options->is_for_all = true;
	else if (id == OPT_RO)
		options->store.is_read_only = options->store.verifies_reads = true;
}

static enum ink_err set_value(struct options *options, enum option_id id, const char *value,
			      struct ink_error *error)
{
	const struct option_row *row = &table[id];
	uint32_t number = 0;
	enum ink_err err;

	if (id == OPT_KEYS)
		return parse_keys(options, value, error);
	if (id == OPT_CHECKPOINT_TO)
		return parse_checkpoint_to(options, value, error);
	err = row->unit ? parse_number(row, value, &number, error)
			: parse_choice(row, value, &number, error);
	if (err == INK_OK && row->unit)
		*place_of(options, id) = number;
	else if (err == INK_OK)
		set_choice(options, id, number);
	return err;
}

static enum ink_err parse_ours(struct options *options, enum option_id id, const char *value,
			       struct ink_error *error)
{
	const struct option_row *row = &table[id];
	struct options before = *options;
	bool is_again = options->given & 1u << id;

	if (row->has_value && !value)
		return fail(error, "option %s needs a value: %s=…", row->name, row->name);
	if (!row->has_value && value)
		return fail(error, "option %s takes no value", row->name);
	options->given |= 1u << id;
	if (!value) {
		set_word(options, id);
		return INK_OK;
	}
	if (set_value(options, id, value, error) != INK_OK)
		return error->code;
	/* Both were zeroed before they were filled, so padding does not differ. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (is_again && (memcmp(&before.store, &options->store, sizeof(before.store)) != 0 ||
			 before.thread_count != options->thread_count ||
			 strcmp(before.keys_dir, options->keys_dir) != 0))
		return fail(error, "option %s is given twice with different values; leave one out",
			    row->name);
	return INK_OK;
}

static enum ink_err pass(struct options *options, const char *word, struct ink_error *error)
{
	size_t used = strlen(options->flags);

	if (used + strlen(word) + 2 > sizeof(options->flags))
		return fail(error, "the options are longer than %zu bytes", sizeof(options->flags));
	snprintf(options->flags + used, sizeof(options->flags) - used, "%s%s", used ? "," : "",
		 word);
	return INK_OK;
}

static enum ink_err parse_word(struct options *options, char *word, bool is_sloppy,
			       struct ink_error *error)
{
	char *equals = strchr(word, '=');
	size_t name_size = equals ? (size_t)(equals - word) : strlen(word);

	for (int id = 0; id < TABLE_COUNT; id++) {
		if (strlen(table[id].name) == name_size &&
		    memcmp(table[id].name, word, name_size) == 0)
			return parse_ours(options, (enum option_id)id, equals ? equals + 1 : NULL,
					  error);
	}
	if (is_one_of(passed, word) || has_prefix_of(passed_prefixes, word))
		return pass(options, word, error);
	if (is_one_of(ignored, word) || has_prefix_of(ignored_prefixes, word) || is_sloppy)
		return INK_OK;
	if (strcmp(word, "remount") == 0)
		return fail(error,
			    "a mounted store cannot be remounted; unmount it and mount it again");
	return fail(error, "option '%s' is not known; mount.inkfs(8) lists all", word);
}

enum ink_err options_parse(struct options *options, const char *text, bool is_sloppy,
			   struct ink_error *ret_error)
{
	char *copy = strdup(text), *rest = copy, *word;
	enum ink_err err = INK_OK;

	if (!copy)
		return fail(ret_error, "no memory");
	while (err == INK_OK && (word = strsep(&rest, ",")) != NULL) {
		if (word[0])
			err = parse_word(options, word, is_sloppy, ret_error);
	}
	free(copy);
	return err;
}

/* Pairs that cannot both be. */
static const enum option_id contradictions[][2] = {
	{ OPT_RO, OPT_RW },        { OPT_RO, OPT_SYNC },          { OPT_RO, OPT_SEAL },
	{ OPT_RO, OPT_IMMUTABLE }, { OPT_RO, OPT_AUDIT },         { OPT_RO, OPT_PROFILE },
	{ OPT_SYNC, OPT_ASYNC },   { OPT_RO, OPT_HEARTBEAT },     { OPT_RO, OPT_CHECKPOINT_TO },
	{ OPT_RO, OPT_EPOCH },     { OPT_RO, OPT_SEAL_INTERVAL }, { OPT_RO, OPT_SYNC_INTERVAL },
};

enum ink_err options_check(const struct options *options, char ret_text[static OPTIONS_TEXT_SIZE],
			   struct ink_error *ret_error)
{
	const struct ink_options *store = &options->store;
	FILE *out;

	for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++) {
		const enum option_id *pair = contradictions[i];

		if (options->given & 1u << pair[0] && options->given & 1u << pair[1])
			return fail(ret_error,
				    "options %s and %s contradict each other; leave one out",
				    table[pair[0]].name, table[pair[1]].name);
	}
	if ((options->checkpoint_interval_s || options->checkpoint_timeout_s) &&
	    !options->checkpoint_to[0])
		return fail(
			ret_error,
			"option checkpoint-%s has no use without checkpoint-to, which says where checkpoints go",
			options->checkpoint_interval_s ? "interval" : "timeout");
	out = fmemopen(ret_text, OPTIONS_TEXT_SIZE, "w");
	if (!out)
		return fail(ret_error, "no memory");
	fprintf(out, "%s,profile=%s,seal=%s,audit=%s", store->is_read_only ? "ro" : "rw",
		table[OPT_PROFILE].words[store->profile], table[OPT_SEAL].words[store->seal_mode],
		table[OPT_AUDIT].words[store->audit]);
	if (options->is_sync)
		fputs(",sync", out);
	if (store->is_immutable)
		fputs(",immutable", out);
	if (store->verifies_reads)
		fputs(",verify-reads", out);
	if (options->is_point_immutable)
		fputs(",immutable-point", out);
	if (store->epoch_s)
		fprintf(out, ",epoch=%u", store->epoch_s);
	if (store->seal_interval_ms)
		fprintf(out, ",seal-interval=%u", store->seal_interval_ms);
	if (store->sync_interval_ms)
		fprintf(out, ",sync-interval=%u", store->sync_interval_ms);
	if (store->heartbeat_s)
		fprintf(out, ",heartbeat=%u", store->heartbeat_s);
	if (options->checkpoint_to[0])
		fprintf(out, ",checkpoint-to=%s", options->checkpoint_to);
	if (options->checkpoint_interval_s)
		fprintf(out, ",checkpoint-interval=%u", options->checkpoint_interval_s);
	if (options->checkpoint_timeout_s)
		fprintf(out, ",checkpoint-timeout=%u", options->checkpoint_timeout_s);
	if (options->is_for_all)
		fputs(",allow_other", out);
	if (options->flags[0])
		fprintf(out, ",%s", options->flags);
	if (store->keys_dir)
		fprintf(out, ",keys=%s", store->keys_dir);
	return fclose(out) == 0 ? INK_OK : fail(ret_error, "the options are too long");
}
