/* SPDX-License-Identifier: MIT */
/* One record in a session, every hash and signature good, that breaks one rule: each with the sentence that says so. */
#include <sys/stat.h>

#include "check.h"
#include "craft.h"
#include "said.h"
#include "scratch.h"
#include "store_place.h"

static struct said said;

static void verify(const struct craft *c)
{
	store_place_verify(c, &said);
}

#define FILE_IN(folder, called)                                                          \
	{                                                                                \
		.node = {.parent = folder, .mode = S_IFREG | 0644, .name = STR(called) } \
	}
#define ACTOR_WITH(...)                           \
	{                                         \
		.actor = {.pid = 7, __VA_ARGS__ } \
	}
#define SAYS_KNOWN "ACTOR contradicts itself about what is known"
#define SAYS_INODE "record cannot be about inode"
#define NO_FOLDER "the folder is not there, or is none"
#define NO_OBJECT "its object is not there"
#define TAKEN "the name is taken"
#define NOT_HELD "the name is not there, or is another object's"

static const struct {
	const char *what;
	struct ink_header header;
	union ink_body body;
	const char *says; /* NULL: nothing */
} records[] = {
	{ "a second file", { .kind = INK_CREATE, .inode = 4 }, FILE_IN(1, "g"), NULL },
	{ "a file that is nothing",
	  { .kind = INK_CREATE },
	  FILE_IN(1, "g"),
	  "a CREATE " SAYS_INODE },
	{ "an ACTOR with an inode",
	  { .kind = INK_ACTOR, .inode = 1 },
	  ACTOR_WITH(.known = 0),
	  "a ACTOR " SAYS_INODE },
	{ "an actor that is none",
	  { .kind = INK_OPEN, .inode = 3, .actor = 3 },
	  { .open = { 0 } },
	  "record 3, named as its actor, is no ACTOR record before it" },
	{ "an inode left out",
	  { .kind = INK_CREATE, .inode = 5 },
	  FILE_IN(1, "g"),
	  "the number of the new inode is not the next one" },
	{ "a parent that is not there",
	  { .kind = INK_CREATE, .inode = 4 },
	  FILE_IN(9, "g"),
	  NO_FOLDER },
	{ "a file as parent", { .kind = INK_CREATE, .inode = 4 }, FILE_IN(3, "g"), NO_FOLDER },
	{ "a name used again", { .kind = INK_CREATE, .inode = 4 }, FILE_IN(2, "f"), TAKEN },
	{ "attributes of nothing",
	  { .kind = INK_ATTR, .inode = 9 },
	  { .attr = { .mask = INK_ATTR_MODE, .mode = 0600 } },
	  NO_OBJECT },
	{ "a rename of another's name",
	  { .kind = INK_RENAME, .inode = 2 },
	  { .rename = { 2, 1, STR("f"), STR("g") } },
	  NOT_HELD },
	{ "a rename of no name",
	  { .kind = INK_RENAME, .inode = 3 },
	  { .rename = { 2, 1, STR("x"), STR("g") } },
	  NOT_HELD },
	{ "a folder beneath itself",
	  { .kind = INK_RENAME, .inode = 2 },
	  { .rename = { 1, 2, STR("d"), STR("e") } },
	  "a folder cannot go beneath itself" },
	{ "a folder with two names",
	  { .kind = INK_LINK, .inode = 2 },
	  { .name = { 1, STR("g") } },
	  "this object cannot have another name" },
	{ "content without a name",
	  { .kind = INK_UNLINK, .inode = 3 },
	  { .name = { 2, STR("f") } },
	  "what holds something cannot lose its last name" },
	{ "a folder that holds something, unlinked",
	  { .kind = INK_UNLINK, .inode = 2 },
	  { .name = { 1, STR("d") } },
	  "what holds something cannot lose its last name" },
	{ "OPEN of a folder",
	  { .kind = INK_OPEN, .inode = 2 },
	  { .open = { 0 } },
	  "OPEN of what is not there, or no file" },
	{ "CLOSE of nothing",
	  { .kind = INK_CLOSE, .inode = 9 },
	  { .open = { 0 } },
	  "CLOSE of what is not there, or no file" },
	{ "an UNMOUNT that counts other records",
	  { .kind = INK_UNMOUNT },
	  { .unmount = { INK_UNMOUNT_ASKED, 99, 4 } },
	  "UNMOUNT counts 99 records and 4 bytes" },
	{ "an UNMOUNT that counts other bytes",
	  { .kind = INK_UNMOUNT },
	  { .unmount = { INK_UNMOUNT_ASKED, 4, 99 } },
	  "UNMOUNT counts 4 records and 99 bytes" },
	{ "ERASE of the future",
	  { .kind = INK_ERASE },
	  { .erase = { 999, STR("w"), STR("y") } },
	  "ERASE names no record before it" },
	{ "ANCHOR of the future",
	  { .kind = INK_ANCHOR },
	  { .anchor = { 1, 999, STR(""), STR("") } },
	  "ANCHOR of a tree that was not there yet" },
	{ "ACTOR",
	  { .kind = INK_ACTOR },
	  ACTOR_WITH(.known = 127, .ppid = 1, .login_uid = 2),
	  NULL },
	{ "a bit without a name", { .kind = INK_ACTOR }, ACTOR_WITH(.known = 128), SAYS_KNOWN },
	{ "an unknown parent", { .kind = INK_ACTOR }, ACTOR_WITH(.ppid = 1), SAYS_KNOWN },
	{ "an unknown start", { .kind = INK_ACTOR }, ACTOR_WITH(.start_time = 1), SAYS_KNOWN },
	{ "an unknown login", { .kind = INK_ACTOR }, ACTOR_WITH(.login_uid = 1), SAYS_KNOWN },
	{ "an unknown session", { .kind = INK_ACTOR }, ACTOR_WITH(.session_id = 1), SAYS_KNOWN },
	{ "an unknown name", { .kind = INK_ACTOR }, ACTOR_WITH(.comm = STR("x")), SAYS_KNOWN },
	{ "an unknown program", { .kind = INK_ACTOR }, ACTOR_WITH(.exe = STR("x")), SAYS_KNOWN },
	{ "an unknown cgroup", { .kind = INK_ACTOR }, ACTOR_WITH(.cgroup = STR("x")), SAYS_KNOWN },
	{ "an unknown job", { .kind = INK_ACTOR }, ACTOR_WITH(.ci_system = STR("x")), SAYS_KNOWN },
	{ "values of an unknown job",
	  { .kind = INK_ACTOR },
	  ACTOR_WITH(.ci_count = 1, .ci = { { STR("a"), STR("b") } }),
	  SAYS_KNOWN },
};

static void a_record_must_fit_what_came_before_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		struct craft c;

		craft_init(&c);
		craft_begin(&c);
		craft_record(&c, &records[i].header, &records[i].body);
		craft_seal(&c, INK_SEAL_SYNC, c.tree.size);
		verify(&c);
		said_expect(records[i].what, &said, !records[i].says, records[i].says);
		craft_release(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_must_fit_what_came_before_it),
	};

	return cmocka_run_group_tests(tests, store_place_setup, store_place_teardown);
}
