/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "target.h"

#include "inkfs/store.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIMEOUT_S_DEFAULT = 60, TIMEOUT_S_MAX = 86400, POLL_MS = 10 };

extern char **environ;

static void complain_busy(const char *mount_point)
{
	complain(
		"%s is busy: a program has a file open there or stands in it ('fuser -vm %s' shows which); end it and try again",
		mount_point, mount_point);
}

/* As an ordinary user: the set-user-id helper of libfuse, which says itself what is wrong. */
static bool unmount_by_helper(const char *mount_point)
{
	char *const argv[] = { (char[]){ "fusermount3" }, (char[]){ "-u" }, (char[]){ "--" },
			       (char *)mount_point, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	pid_t child;
	int status = 0, err;

	posix_spawnattr_init(&attributes);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	/* It says in its own words what we say below. */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	err = posix_spawnp(&child, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (err != 0) {
		complain(
			"cannot start fusermount3, which unmounts for ordinary users: %s; install the package fuse3",
			strerror(err));
		return false;
	}
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		complain(
			"fusermount3 could not unmount %s: it is in use, or was mounted by somebody else",
			mount_point);
		return false;
	}
	return true;
}

static bool unmount(const char *mount_point)
{
	if (umount2(mount_point, UMOUNT_NOFOLLOW) == 0)
		return true;
	if (errno == EPERM || errno == EACCES)
		return unmount_by_helper(mount_point);
	if (errno == EBUSY)
		complain_busy(mount_point);
	else
		complain("cannot unmount %s: %s", mount_point, strerror(errno));
	return false;
}

/* The driver writes its closing record after the mount is gone from our sight. */
static bool wait_until_closed(const char *store, uint64_t timeout_s)
{
	static const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };

	for (uint64_t waited_ms = 0; ink_store_is_locked(store); waited_ms += POLL_MS) {
		if (waited_ms >= timeout_s * 1000)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Whoever unmounts to copy or verify must know that the closing record is there. */
static bool is_closed_in_order(const char *path)
{
	static const struct ink_options options = { .is_read_only = true };
	struct ink_status status = { 0 };
	struct ink_store *store;
	struct ink_error error;

	if (ink_store_open(path, &options, &store, &error) != INK_OK) {
		complain("unmounted, but the store cannot be read: %s", error.text);
		return false;
	}
	ink_status(store, &status);
	ink_store_close(store, INK_UNMOUNT_CLOSE);
	if (!status.is_closed)
		complain(
			"unmounted, but the driver could not close %s in order (its messages say why); the next mount recovers it",
			path);
	return status.is_closed;
}

static int unmount_target(struct target *target, uint64_t timeout_s)
{
	bool was_written = ink_store_is_locked(target->store);

	if (!target->mount_point) {
		if (ink_store_is_locked(target->store))
			complain(
				"a process writes %s, but it is mounted nowhere that can be seen from here; unmount it where it was mounted",
				target->store);
		else
			complain("%s is not mounted; there is nothing to do", target->store);
		return EXIT_BAD;
	}
	if (target->mount_count > 1 && !target->is_by_mount) {
		complain("%s is mounted at %u places, one of them %s; name the one to unmount",
			 target->store, target->mount_count, target->mount_point);
		return EXIT_BAD;
	}
	if (!unmount(target->mount_point))
		return EXIT_BAD;
	target->is_by_mount = false;
	if (target_refresh(target) && target->mount_point) {
		complain("%s is still mounted at %s, so it is not closed yet", target->store,
			 target->mount_point);
		return EXIT_GOOD;
	}
	if (!wait_until_closed(target->store, timeout_s)) {
		complain(
			"unmounted, but after %u s the driver still has not closed %s; wait until 'inkfs status' says closed before you copy or verify it",
			(unsigned)timeout_s, target->store);
		return EXIT_BAD;
	}
	return was_written && !is_closed_in_order(target->store) ? EXIT_BAD : EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { { "timeout", required_argument, NULL, 't' }, { 0 } };
	uint64_t timeout_s = TIMEOUT_S_DEFAULT;
	struct target target;
	int option, code;

	while ((option = next_option(argc, argv, ":", longs)) != -1) {
		if (option != 't')
			return EXIT_USAGE;
		if (!parse_u64(optarg, &timeout_s) || timeout_s > TIMEOUT_S_MAX)
			return usage_error("umount", "'%s' is no number of seconds from 0 to %d",
					   optarg, TIMEOUT_S_MAX);
	}
	if (!has_operands(argc, argv, 1, 1, "one mount point or store"))
		return EXIT_USAGE;
	if (!target_init(&target, argv[optind]))
		return EXIT_BAD;
	code = unmount_target(&target, timeout_s);
	target_release(&target);
	return code;
}

const struct cmd cmd_umount = {
	.name = "umount",
	.run = run,
	.summary = "unmount, and wait until the store is closed in order",
	.usage =
		"usage: inkfs umount MOUNTPOINT|STORE [--timeout SECONDS]\n"
		"\n"
		"Unmount, and wait until the driver has written the closing record and closed the store.\n"
		"\n"
		"  --timeout SECONDS  wait no longer than that (default 60)\n"
		"\n"
		"example:\n"
		"  inkfs umount /mnt/log && inkfs verify /srv/ci-log --key @ci-log.vkey\n",
};
