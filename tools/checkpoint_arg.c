/* SPDX-License-Identifier: MIT */
#include "checkpoint_arg.h"

#include "common.h"
#include "slurp.h"

#include "inkfs/checkpoint.h"

#include <stdlib.h>

static bool make(struct checkpoint_arg *arg, const char *store, const char *keys_dir)
{
	struct ink_error error = { 0 };

	arg->note = malloc(INK_CHECKPOINT_SIZE_MAX);
	if (!arg->note) {
		complain("out of memory");
		return false;
	}
	error.code = ink_checkpoint_make(store, keys_dir, arg->note, &arg->size, &error);
	if (error.code == INK_OK)
		return true;
	if (error.code == INK_ERR_KEY)
		complain("%s; without the keys give a checkpoint that was kept, with --checkpoint",
			 error.text);
	else
		complain("%s", error.text);
	free(arg->note);
	return false;
}

bool checkpoint_arg_init(struct checkpoint_arg *arg, const char *file, const char *store,
			 const char *keys_dir)
{
	return file ? slurp(file, "checkpoint", CHECKPOINT_FILE_SIZE_MAX, &arg->note, &arg->size)
		    : make(arg, store, keys_dir);
}

void checkpoint_arg_release(struct checkpoint_arg *arg)
{
	free(arg->note);
}
