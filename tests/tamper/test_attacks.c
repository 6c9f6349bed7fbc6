/* SPDX-License-Identifier: MIT */
/*
 * Every class of attack, and every accident that is none, on a store with a past.
 *
 * Prints the table that stands in SECURITY.md; `test_attacks --table` prints it alone and tries nothing;
 * `--library` mounts nothing.
 */
#include <stdio.h>
#include <string.h>

#include "attack.h"
#include "check.h"
#include "mounted.h"
#include "sample.h"
#include "scratch.h"
#include "trial.h"

static const struct attack *const tables[] = { attacks_on_content, attacks_on_files,
					       attacks_by_erasing, attacks_on_index,
					       attacks_on_ends,    attacks_on_keys,
					       no_attacks };

static struct scene scene;
static bool is_through_mount;

static int setup(void **state)
{
	(void)state;
	scene_init(&scene, is_through_mount);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_release(&scene);
	return 0;
}

static const char *store_of(enum attack_from from)
{
	switch (from) {
	case FROM_OLD: return scene.old;
	case FROM_AT_T: return scene.at_t;
	case FROM_KILLED: return scene.killed;
	case FROM_OTHER: return scene.other;
	case FROM_CLOSED: break;
	}
	return scene.closed;
}

static size_t notes_of(unsigned gives, struct ink_checkpoint_text *ret_texts)
{
	const struct {
		unsigned bit;
		const struct scene_note *note;
	} notes[] = { { GIVE_NOTE_OLD, &scene.note_old },
		      { GIVE_NOTE_T, &scene.note_t },
		      { GIVE_NOTE_CLOSED, &scene.note_closed } };
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(notes); i++)
		if (gives & notes[i].bit)
			ret_texts[count++] =
				(struct ink_checkpoint_text){ "note", notes[i].note->text,
							      notes[i].note->size };
	return count;
}

/* --- judging --------------------------------------------------------------------------------- */

static bool is_at_its_place(const struct attempt *a, const struct found *found)
{
	if (a->has_seq && (!found->has_record || found->seq != a->seq))
		return false;
	if (a->path && strcmp(found->path, a->path) != 0)
		return false;
	return a->size == 0 || (found->offset == a->offset && found->size == a->size);
}

static bool is_as_expected(const struct attack *attack, const struct attempt *a,
			   const struct verdict *v)
{
	if (attack->end == END_UNCHECKED)
		return v->err != INK_OK;
	if (v->err != INK_OK)
		return false;
	if (attack->end == END_FOUND)
		return !v->result.is_intact && v->evidence[attack->code] > 0 &&
		       is_at_its_place(a, &v->found[attack->code]);
	return v->result.is_intact && (attack->end == END_INTACT || v->result.is_closed) &&
	       (!attack->code ||
		(v->notes[attack->code] > 0 && is_at_its_place(a, &v->found[attack->code])));
}

static void put_failure(const struct attack *attack, const struct attempt *a,
			const struct verdict *v)
{
	const struct found *found = &v->found[attack->code];

	printf("%u %s: wanted %s at record %lld, %s bytes %llu+%llu;", attack->number, attack->what,
	       attack->code ? ink_finding_name(attack->code) : "nothing",
	       a->has_seq ? (long long)a->seq : -1LL, a->path ? a->path : "-",
	       (unsigned long long)a->offset, (unsigned long long)a->size);
	printf(" got it %u times, first at %llu, %s bytes %llu+%llu; error %d %s, intact %d, closed %d, first %s\n",
	       v->evidence[attack->code], (unsigned long long)found->seq, found->path,
	       (unsigned long long)found->offset, (unsigned long long)found->size, (int)v->err,
	       v->error.text, v->result.is_intact, v->result.is_closed, v->first);
}

static bool try(const struct attack *attack)
{
	struct ink_checkpoint_text texts[4];
	struct attempt a = { .scene = &scene };
	struct ink_verify_options options = { .checkpoints = texts };
	struct verdict verdict;
	bool is_good;

	scene_take(&scene, store_of(attack->from));
	memcpy(a.store, scene.copy, sizeof(a.store));
	memcpy(a.vkey, scene.vkey, sizeof(a.vkey));
	if (attack->edit)
		attack->edit(&a);
	options.vkey = attack->gives & GIVE_NO_KEY ? NULL : a.vkey;
	options.checkpoint_count = notes_of(attack->gives, texts);
	verdict_with(a.store, &options, &verdict);
	if (a.held)
		trial_close(a.held);
	is_good = is_as_expected(attack, &a, &verdict);
	if (!is_good)
		put_failure(attack, &a, &verdict);
	return is_good;
}

/* --- the table ------------------------------------------------------------------------------- */

static const char *says(const struct attack *attack)
{
	switch (attack->end) {
	case END_FOUND: return "NOT INTACT, ";
	case END_INTACT: return attack->code ? "intact, with " : "intact";
	case END_WHOLE: return attack->code ? "intact and closed, with " : "intact and closed";
	case END_UNCHECKED: break;
	}
	return "cannot be checked";
}

static void put_table(void)
{
	puts("| class | what is done | what `verify` says |\n| --- | --- | --- |");
	for (size_t t = 0; t < COUNT_OF(tables); t++)
		for (const struct attack *attack = tables[t]; attack->what; attack++)
			printf("| %u | %s | %s%s%s%s |\n", attack->number, attack->what,
			       says(attack), attack->code ? "`" : "",
			       attack->code ? ink_finding_name(attack->code) : "",
			       attack->code ? "`" : "");
}

static void every_attack_is_found_and_no_accident_is_called_one(void **state)
{
	unsigned failed = 0, count = 0;

	(void)state;
	for (size_t t = 0; t < COUNT_OF(tables); t++)
		for (const struct attack *attack = tables[t]; attack->what; attack++) {
			failed += !try(attack);
			count++;
		}
	print_message("%u attacks and accidents, %s\n", count,
		      is_through_mount ? "on a store made through a mount"
				       : "on a store made by the library");
	assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attack_is_found_and_no_accident_is_called_one),
	};
	int failed;

	put_table();
	if (argc > 1 && strcmp(argv[1], "--table") == 0)
		return 0;
	failed = cmocka_run_group_tests_name("library", tests, setup, teardown);
	if (argc > 1 && strcmp(argv[1], "--library") == 0)
		return failed;
	if (!mounted_is_possible()) {
		puts("nothing can be mounted here: not tried on a store made by the driver");
		return failed;
	}
	is_through_mount = true;
	return failed + cmocka_run_group_tests_name("mount", tests, setup, teardown);
}
