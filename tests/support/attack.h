/* SPDX-License-Identifier: MIT */
/*
 * The attacks that a verifier must find and the accidents that it must not take for one, as tables.
 *
 * Owns: nothing.  Knows nothing of: how they are run and told (tests/tamper/test_attacks.c).  Threads: one.
 */
#ifndef TEST_ATTACK_H
#define TEST_ATTACK_H

#include "inkfs/verify.h"
#include "intruder.h"
#include "scene.h"

/* One try: what is done to scene->copy, and where it is to be found. */
struct attempt {
	struct scene *scene;
	char store[PATH_MAX];     /* to be verified; scene->copy unless an edit says otherwise */
	char vkey[INK_VKEY_SIZE]; /* given as pinned */
	bool has_seq;
	uint64_t seq;
	const char *path;       /* NULL: not said */
	uint64_t offset, size;  /* of the bytes in the file; 0: not said */
	struct ink_store *held; /* kept open while it is verified */
};

enum attack_from { FROM_CLOSED, FROM_OLD, FROM_AT_T, FROM_KILLED, FROM_OTHER };

enum {
	GIVE_NO_KEY = 1, /* else the store's key is pinned */
	GIVE_NOTE_OLD = 2,
	GIVE_NOTE_T = 4,
	GIVE_NOTE_CLOSED = 8,
};

enum attack_end {
	END_FOUND,     /* not intact, with @code */
	END_INTACT,    /* nothing against it; with an observation of @code unless that is 0 */
	END_WHOLE,     /* intact, and closed in order */
	END_UNCHECKED, /* neither: a store that this program does not know */
};

struct attack {
	unsigned number; /* of its class */
	const char *what;
	enum attack_from from;
	unsigned gives;
	void (*edit)(struct attempt *a); /* may be NULL */
	enum attack_end end;
	enum ink_finding_code code;
};

/* Each ends with one whose @what is NULL. */
extern const struct attack attacks_on_content[];
extern const struct attack attacks_on_files[];
extern const struct attack attacks_by_erasing[];
extern const struct attack attacks_on_index[];
extern const struct attack attacks_on_ends[];
extern const struct attack attacks_on_keys[];
extern const struct attack no_attacks[];

/* Where the finding is expected. */
void expect_record(struct attempt *a, uint64_t seq);
/* And of which bytes of which file; @n is an APPEND. */
void expect_line(struct attempt *a, const struct intruder *x, size_t n, const char *path);
/* The first seal behind record @n. */
void expect_seal_behind(struct attempt *a, const struct intruder *x, size_t n);

void attempt_open(struct attempt *a, struct intruder *x);
/* Forge from @from on, write, release. */
void attempt_forge(struct intruder *x, size_t from, enum intruder_signs signs);
/* One byte of a file of the store, @at from its end if negative. */
void attempt_poke(struct attempt *a, const char *name, long at);
/* One byte at @at in the frame of record @n, all else left alone. */
void attempt_poke_frame(struct attempt *a, const struct intruder *x, size_t n, size_t at);
/* Byte @at of the log's only segment at which record @n begins. */
size_t attempt_place(const struct intruder *x, size_t n);
void attempt_remove(struct attempt *a, const char *name);

#endif
