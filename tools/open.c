/* SPDX-License-Identifier: MIT */
#include "open.h"

#include "common.h"

#include <signal.h>
#include <unistd.h>

/* Only what may be done in a signal handler; what stdout has not yet written is lost with the rest. */
static void on_crash(int signal_number)
{
	static const char text[] =
		"inkfs: reading the index crashed, so it is damaged; see what else is with 'inkfs verify', then make it anew with 'inkfs reindex'\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	(void)signal_number;
	_exit(EXIT_UNCHECKED);
}

static void catch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

bool open_store(const char *path, struct ink_store **ret_store)
{
	static const struct ink_options read_only = { .is_read_only = true };
	struct ink_error error = { 0 };
	enum ink_err err;

	catch_crashes();
	err = ink_store_open(path, &read_only, ret_store, &error);
	if (err != INK_OK)
		complain("%s", error.text[0] ? error.text : ink_err_text(err));
	return err == INK_OK;
}

bool open_target(const char *named, struct target *ret_target, struct ink_store **ret_store)
{
	if (!target_init(ret_target, named))
		return false;
	if (open_store(ret_target->store, ret_store))
		return true;
	target_release(ret_target);
	return false;
}

void close_target(struct target *target, struct ink_store *store)
{
	/* Nothing was written, so there is nothing that can be lost. */
	(void)ink_store_close(store, INK_UNMOUNT_ASKED);
	target_release(target);
}
