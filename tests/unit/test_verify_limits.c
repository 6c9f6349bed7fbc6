/* SPDX-License-Identifier: MIT */
/* What a verification keeps in memory has a limit, and a log that goes beyond it is not called good. */
#include <string.h>

#include "check.h"
#include "craft.h"
#include "frame.h"
#include "said.h"
#include "scratch.h"
#include "verify_private.h"

static void more_erased_bodies_than_can_be_followed_are_evidence(void **state)
{
	static struct said said;
	char dir[PATH_MAX], store[PATH_MAX];
	struct craft c;

	(void)state;
	scratch_dir_in_memory(dir);
	scratch_path(dir, "store", store);
	craft_init(&c);
	craft_begin(&c);
	for (unsigned i = 0; i <= ERASED_MAX; i++) {
		size_t at = c.sizes[0];

		craft_append(&c, 3, 4 + i, "x");
		memset(c.segments[0] + at + FRAME_OFF_NONCE, 0, INK_NONCE_SIZE + 1);
	}
	craft_seal(&c, INK_SEAL_SYNC, c.tree.size);
	craft_save(&c, store);
	said_verify(store, c.vkey, NULL, &said);
	said_expect("65,537", &said, false, "an erased body; more of them than can be followed");
	craft_release(&c);
	tree_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_erased_bodies_than_can_be_followed_are_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
