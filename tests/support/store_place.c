/* SPDX-License-Identifier: MIT */
#include "store_place.h"

#include "scratch.h"

char store_place[PATH_MAX];

static char dir[PATH_MAX];

int store_place_setup(void **state)
{
	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "store", store_place);
	return 0;
}

int store_place_teardown(void **state)
{
	(void)state;
	tree_remove(dir);
	return 0;
}

void store_place_verify(const struct craft *c, struct said *said)
{
	tree_remove(store_place);
	craft_save(c, store_place);
	said_verify(store_place, c->vkey, NULL, said);
}
