/* SPDX-License-Identifier: MIT */
/*
 * How long seal keys lived.  An epoch that cannot end (the folder of the keys is gone, the disk is full) leaves one key
 * in force for as long as that lasts, and an intruder who takes it then can rewrite all of that time.
 */
#include "verify_private.h"

#define SECOND_NS UINT64_C(1000000000)
/* On top of an epoch's length again; a slow disk may keep the end waiting. */
enum { PATIENCE_S = 10 };

static void begin_epoch(struct epoch_watch *watch)
{
	watch->first_ns = 0;
	watch->over_ns = 0;
	watch->is_told = false;
}

/* Activity in an epoch.  Its length counts from the first record: an idle key signs nothing worth forging. */
static void see_activity(struct verify *v, const struct ink_record *record)
{
	struct epoch_watch *watch = &v->chain.watch;
	uint64_t now = record->header.boot_ns;
	uint64_t length = watch->length_s * SECOND_NS;

	if (watch->first_ns == 0)
		watch->first_ns = now;
	/* A machine that slept through the end is given the same patience from when it woke. */
	else if (watch->over_ns == 0 && now > watch->first_ns && now - watch->first_ns >= length)
		watch->over_ns = now;
	else if (watch->over_ns != 0 && !watch->is_told && now > watch->over_ns &&
		 now - watch->over_ns > length + PATIENCE_S * SECOND_NS) {
		note_record(
			v, INK_FIND_EPOCH_LONG, record,
			"one seal key has been in force for %llu s, epochs of this session are to take %llu: its end failed",
			(unsigned long long)((now - watch->first_ns) / SECOND_NS),
			(unsigned long long)watch->length_s);
		watch->is_told = true;
	}
}

void epoch_watch(struct verify *v, const struct ink_record *record, const union ink_body *body)
{
	struct epoch_watch *watch = &v->chain.watch;

	switch (record->header.kind) {
	case INK_EPOCH:
	case INK_REKEY: begin_epoch(watch); return;
	case INK_SEAL: return;
	case INK_MOUNT: watch->length_s = body ? body->mount.epoch_s : 0; break;
	default: break;
	}
	if (v->chain.session_seq != 0 && watch->length_s != 0)
		see_activity(v, record);
}
