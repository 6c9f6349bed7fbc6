/* SPDX-License-Identifier: MIT */
#include "cmds.h"

#include "target.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "mount.inkfs"

/* Where this program lies, without the last slash.  false if the kernel does not tell. */
static bool own_folder(char ret_folder[static PATH_MAX])
{
	ssize_t size = readlink("/proc/self/exe", ret_folder, PATH_MAX - 1);
	char *slash;

	if (size <= 0)
		return false;
	ret_folder[size] = '\0';
	slash = strrchr(ret_folder, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

/* Returns only if it is not there. */
static void try_driver(const char *folder, const char *below, char **argv)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s%s/" DRIVER, folder, below);
	argv[0] = path;
	execv(path, argv);
}

/* The one that was built or installed with this program first, then what the system offers. */
static int exec_driver(char **argv)
{
	static const char *const sbin[] = { "/usr/local/sbin", "/usr/sbin", "/sbin" };
	char folder[PATH_MAX];

	if (own_folder(folder)) {
		try_driver(folder, "", argv);
		if (errno == ENOENT)
			try_driver(folder, "/../sbin", argv);
	} else {
		errno = ENOENT;
	}
	if (errno == ENOENT) {
		argv[0] = (char[]){ DRIVER };
		execvp(DRIVER, argv);
	}
	for (size_t i = 0; i < sizeof(sbin) / sizeof(sbin[0]) && errno == ENOENT; i++)
		try_driver(sbin[i], "", argv);
	if (errno == ENOENT)
		complain("found no " DRIVER
			 " beside this program nor in PATH; install it, it is a part of inkfs");
	else
		complain("cannot start " DRIVER ": %s", strerror(errno));
	return EXIT_BAD;
}

static bool is_dead_mount(const char *named)
{
	struct target target;
	bool is_mount;

	if (!target_is_dead(named) || !target_init(&target, named))
		return false;
	is_mount = target.is_by_mount;
	target_release(&target);
	return is_mount;
}

static int run(int argc, char **argv)
{
	if (argc < 3)
		return usage_error("mount", "needs a store and a mount point");
	for (int i = 1; i < argc; i++) {
		if (is_dead_mount(argv[i])) {
			complain(
				"the driver of the mount at %s has ended without unmounting it; run 'inkfs umount %s' and mount again",
				argv[i], argv[i]);
			return EXIT_BAD;
		}
	}
	stdio_restore_signals();
	return exec_driver(argv);
}

const struct cmd cmd_mount = {
	.name = "mount",
	.run = run,
	.summary = "mount a store (starts mount.inkfs)",
	.usage =
		"usage: inkfs mount STORE MOUNTPOINT [--foreground] [-o OPTION[,OPTION]…]\n"
		"\n"
		"Mount STORE on the empty folder MOUNTPOINT.  Returns when it is mounted; the driver goes on in\n"
		"the background.  All arguments go to mount.inkfs; its options are in mount.inkfs(8).\n"
		"\n"
		"example:\n"
		"  inkfs mount /srv/ci-log /mnt/log -o seal=write\n",
};
