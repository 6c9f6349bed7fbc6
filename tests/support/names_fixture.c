/* SPDX-License-Identifier: MIT */
#include "names_fixture.h"

#include "check.h"
#include "scratch.h"

static int setup_with(void **state, enum ink_profile profile)
{
	static struct names_fixture f;

	scratch_dir(f.dir);
	scratch_path(f.dir, "store", f.path);
	trial_make(f.path, 0);
	f.options = trial_quiet();
	f.options.profile = profile;
	f.store = trial_open(f.path, &f.options);
	*state = &f;
	return 0;
}

int names_setup_strict(void **state)
{
	return setup_with(state, INK_PROFILE_STRICT);
}

int names_setup_rotate(void **state)
{
	return setup_with(state, INK_PROFILE_ROTATE);
}

int names_teardown(void **state)
{
	struct names_fixture *f = *state;

	trial_close(f->store);
	assert_verifies(f->path, true);
	assert_index_is_that_of_the_log(f->path);
	tree_remove(f->dir);
	return 0;
}

void names_reopen(struct names_fixture *f)
{
	trial_close(f->store);
	f->store = trial_open(f->path, &f->options);
}

enum ink_err names_make(struct names_fixture *f, uint64_t parent, const char *name, uint32_t mode,
			uint64_t *ret_inode)
{
	struct ink_attr attr = { 0 };
	enum ink_err err = ink_make(f->store, &trial_user, parent, name, mode, NULL, &attr);

	if (ret_inode)
		*ret_inode = attr.inode;
	return err;
}
