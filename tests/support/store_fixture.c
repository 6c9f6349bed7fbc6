/* SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <unistd.h>

#include "scratch.h"

int store_setup(void **state)
{
	static struct store_fixture f;

	scratch_dir(f.dir);
	scratch_path(f.dir, "store", f.path);
	trial_make(f.path, 0);
	f.options = trial_quiet();
	*state = &f;
	return 0;
}

int store_teardown(void **state)
{
	tree_remove(((struct store_fixture *)*state)->dir);
	return 0;
}

bool store_comes_true(struct ink_store *store, bool (*is_so)(const struct ink_status *status))
{
	struct ink_status status;

	for (unsigned i = 0; i < 3000; i++) {
		ink_status(store, &status);
		if (is_so(&status))
			return true;
		usleep(10000);
	}
	return false;
}
