/* SPDX-License-Identifier: MIT */
/*
 * mount.inkfs: the driver's process, started by hand, by `inkfs mount`, by mount(8) and from fstab.
 *
 * As a daemon it forks before the store is opened, since threads do not survive a fork.  The child
 * reports through a pipe: READY_BYTE when the mount is in use, else the sentence to print.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "driver.h"
#include "handout.h"
#include "inkfs/store.h"
#include "mount_point.h"
#include "notify.h"
#include "options.h"

enum exit_code { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

#define READY_BYTE '+'

struct command {
	const char *store;
	const char *mount_point;
	struct options options;
	bool is_foreground, is_fake, is_verbose, is_sloppy;
};

/* Where messages go.  Set up before there are threads; is_daemon changes once, before the first is told "ready". */
static struct {
	_Atomic int report_fd; /* of the pipe to the parent; -1: none */
	_Atomic bool is_daemon;
	char fuse_line[512]; /* the last thing that libfuse complained about */
	/* Damage that opening a store read-only has passed, a line each; told when it is mounted. */
	char damage[2048];
} out = { .report_fd = -1 };

static const char usage_text[] =
	"usage: mount.inkfs STORE MOUNTPOINT [-o OPTION[,OPTION]...] [--foreground] [-fnsv]\n"
	"\n"
	"Mount the inkfs store STORE on the empty folder MOUNTPOINT.  Returns when it is mounted.\n"
	"\n"
	"  -o profile=strict|rotate   what may be renamed and removed (default strict: nothing)\n"
	"  -o seal=batch|write        one signature for many records, or for each (default batch)\n"
	"  -o audit=opens|reads       record who opens files for writing, or for reading too\n"
	"  -o sync                    every write is durable before it returns\n"
	"  -o ro                      read-only; a damaged store, too, as far as it verifies\n"
	"  -o verify-reads            check each record against the chain before its bytes are given\n"
	"  -o immutable               finished segments get the immutable flag\n"
	"  -o immutable-point         so does the bare mount point: nobody logs beneath the mount\n"
	"  -o keys=DIR                where the key files are (default STORE/keys)\n"
	"  -o checkpoint-to=DIR|PROGRAM,checkpoint-interval=S,checkpoint-timeout=S\n"
	"                             hand out checkpoints, so that something outside remembers\n"
	"  -o epoch=S,seal-interval=MS,sync-interval=MS,heartbeat=S,threads=N,allow_other\n"
	"  --foreground               stay in the foreground, messages on stderr\n"
	"  -f                         check everything, mount nothing (as mount -f)\n"
	"  -n -s -v                   as mount(8) passes them\n"
	"\n"
	"example:\n"
	"  mount.inkfs /srv/ci-log /mnt/log -o seal=write\n";

/* Names are others'; what could drive a terminal, or make two lines of one, is not passed on. */
static void make_safe(char *line)
{
	for (unsigned char *p = (unsigned char *)line; *p; p++) {
		bool is_c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		if (is_c1)
			*p++ = '?';
		if (is_c1 || *p < ' ' || *p == 0x7f)
			*p = '?';
	}
}

INK_PRINTF(2, 3) static void say(int level, const char *format, ...)
{
	char line[INK_ERROR_TEXT_SIZE + PATH_MAX + 256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	make_safe(line);
	if (out.is_daemon)
		syslog(level, "%s", line);
	else if (out.report_fd >= 0)
		(void)!write(out.report_fd, line, strlen(line));
	else
		fprintf(stderr, "mount.inkfs: %s\n", line);
}

/* While mounting, what libfuse says is the reason for our own sentence. */
static void hear_fuse(int level, const char *line)
{
	snprintf(out.fuse_line, sizeof(out.fuse_line), "%s",
		 strncmp(line, "fuse: ", 6) == 0 ? line + 6 : line);
	if (out.is_daemon || out.report_fd < 0)
		say(level, "%s", line);
}

/* While opening, in the main thread, a sentence to the parent would mean "not mounted"; later in threads of the session. */
static void hear_damage(void *ctx, const char *text)
{
	size_t used = strlen(out.damage), room = sizeof(out.damage) - used;

	(void)ctx;
	if (out.is_daemon || out.report_fd < 0) {
		say(LOG_ERR, "%s", text);
	} else if (room > 2) {
		snprintf(out.damage + used, room - 1, "%s", text);
		make_safe(out.damage + used);
		used = strlen(out.damage);
		memcpy(out.damage + used, "\n", 2);
	}
}

/* What goes wrong inside the store while it is mounted; before that, the parent waits for one word only. */
static void hear_store(void *ctx, bool is_over, const char *text)
{
	(void)ctx;
	if (out.is_daemon || out.report_fd < 0)
		say(is_over ? LOG_NOTICE : LOG_ERR, "%s", text);
	else
		syslog(is_over ? LOG_NOTICE : LOG_ERR, "%s", text);
}

static int fail_usage(const char *text)
{
	say(LOG_ERR, "%s; 'mount.inkfs --help' shows how", text);
	return EXIT_USAGE;
}

/* --- becoming ready ---------------------------------------------------------------- */

static void leave_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i <= 2; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* In a thread of the session; the main thread is in its loop and says nothing before that ends. */
static void on_ready(void *ctx)
{
	const char byte = READY_BYTE;

	(void)ctx;
	if (out.report_fd < 0) {
		notify("READY=1");
		return;
	}
	leave_terminal();
	out.is_daemon = true;
	if (out.damage[0])
		syslog(LOG_ERR, "%s", out.damage);
	(void)!write(out.report_fd, &byte, 1);
	(void)!write(out.report_fd, out.damage, strlen(out.damage));
	close(out.report_fd);
	out.report_fd = -1;
}

/* --- the driver -------------------------------------------------------------------- */

/* The store's threads inherit this, so that signals reach the main thread alone. */
static void block_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(how, &set, NULL);
}

static struct driver *mount_driver(const struct mount_paths *paths, const struct options *options)
{
	struct driver_options driver_options = {
		.store_path = paths->store,
		.mount_point = paths->mount_point,
		.flags = options->flags,
		.audit = options->store.audit,
		.is_read_only = options->store.is_read_only,
		.is_sync = options->is_sync,
		.is_for_all = options->is_for_all || geteuid() == 0,
		.thread_count = options->thread_count,
		.on_ready = on_ready,
	};
	struct driver *driver = NULL;

	if (driver_open(&driver_options, &driver) != INK_OK)
		say(LOG_ERR, "cannot mount %s at %s: %s", paths->store, paths->mount_point,
		    out.fuse_line[0] ? out.fuse_line : strerror(errno));
	return driver;
}

static int run_driver(struct driver *driver, struct ink_store *store, struct handout *handout,
		      const struct mount_paths *paths, enum ink_unmount_reason *ret_reason)
{
	int code = EXIT_GOOD;

	block_signals(SIG_UNBLOCK);
	if (driver_run(driver, store, handout, ret_reason) != INK_OK) {
		say(LOG_ERR, "the session of %s at %s broke: %s", paths->store, paths->mount_point,
		    strerror(errno));
		code = EXIT_BAD;
	}
	/* A second signal shall not cut off what is still to be done, all of which takes a limited time. */
	block_signals(SIG_BLOCK);
	if (!out.is_daemon)
		notify("STOPPING=1");
	return code;
}

/* A mount that cannot hand out is a mount all the same: it says so and serves. */
static struct handout *start_handout(const struct mount_paths *paths, const struct options *options)
{
	const struct handout_options handout_options = {
		.store_path = paths->store,
		.keys_dir = options->store.keys_dir,
		.to = options->checkpoint_to,
		.interval_s = options->checkpoint_interval_s,
		.timeout_s = options->checkpoint_timeout_s,
		.on_notice = hear_store,
	};
	struct handout *handout = NULL;

	if (options->checkpoint_to[0] && handout_open(&handout_options, &handout) != INK_OK)
		say(LOG_ERR, "checkpoint-to: cannot start a thread: %s", strerror(errno));
	return handout;
}

static int serve(struct command *command, const struct mount_paths *paths, const char *text)
{
	struct ink_options *store_options = &command->options.store;
	enum ink_unmount_reason reason = INK_UNMOUNT_CLOSE;
	struct handout *handout;
	struct ink_store *store = NULL;
	struct driver *driver;
	struct ink_error error;
	int code;

	store_options->mount_point = paths->mount_point;
	store_options->mount_options = text;
	store_options->on_damage = hear_damage;
	store_options->on_notice = hear_store;
	block_signals(SIG_BLOCK);
	driver = mount_driver(paths, &command->options);
	if (!driver)
		return EXIT_BAD;
	if (ink_store_open(paths->store, store_options, &store, &error) != INK_OK) {
		driver_close(driver);
		say(LOG_ERR, "%s", error.text);
		return EXIT_BAD;
	}
	handout = start_handout(paths, &command->options);
	code = run_driver(driver, store, handout, paths, &reason);
	driver_close(driver);
	if (ink_store_close(store, reason) != INK_OK) {
		say(LOG_ERR, "%s was not closed in order; mounting it again recovers it",
		    paths->store);
		code = EXIT_BAD;
	}
	if (!handout_close(handout))
		code = EXIT_BAD;
	if (command->is_verbose && code == EXIT_GOOD)
		say(LOG_INFO, "%s is unmounted and closed", paths->store);
	return code;
}

/* --- the parent of a daemon ----------------------------------------------------------- */

/* All that the child has to say, until it closes the pipe. */
static ssize_t hear_child(int fd, char *buf, size_t size)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(fd, buf + used, size - used)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

/* "Mounted" is believed only when the mount itself has answered; statfs always goes to the driver. */
static int report(int fd, const struct command *command, const struct mount_paths *paths)
{
	char text[1 + sizeof(out.damage) + INK_ERROR_TEXT_SIZE];
	ssize_t size = hear_child(fd, text, sizeof(text) - 1);
	struct statvfs root;
	char *rest = text + 1, *line;

	if (size <= 0) {
		say(LOG_ERR,
		    "the driver ended without a word; start it with --foreground to see more");
		return EXIT_BAD;
	}
	text[size] = '\0';
	if (text[0] != READY_BYTE) {
		say(LOG_ERR, "%s", text);
		return EXIT_BAD;
	}
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0])
			say(LOG_WARNING, "mounted all the same, read-only: %s", line);
	}
	if (statvfs(paths->mount_point, &root) != 0) {
		say(LOG_ERR, "mounted, but %s does not answer: %s; the system's log may say why",
		    paths->mount_point, strerror(errno));
		return EXIT_BAD;
	}
	if (command->is_verbose)
		printf("mount.inkfs: %s mounted on %s\n", paths->store, paths->mount_point);
	return EXIT_GOOD;
}

static int run_daemon(struct command *command, const struct mount_paths *paths, const char *text)
{
	int pipe_fds[2];
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		say(LOG_ERR, "cannot start a process: %s", strerror(errno));
		return EXIT_BAD;
	}
	if (child > 0) {
		close(pipe_fds[1]);
		return report(pipe_fds[0], command, paths);
	}
	close(pipe_fds[0]);
	out.report_fd = pipe_fds[1];
	setsid();
	unsetenv("NOTIFY_SOCKET");
	openlog("mount.inkfs", LOG_PID, LOG_DAEMON);
	return serve(command, paths, text);
}

/* --- the command line ------------------------------------------------------------------ */

static int parse_option(struct command *command, int option, const char *given)
{
	struct ink_error error;

	switch (option) {
	case 'o':
		if (options_parse(&command->options, given, command->is_sloppy, &error) == INK_OK)
			return EXIT_GOOD;
		return fail_usage(error.text);
	case 'F': command->is_foreground = true; return EXIT_GOOD;
	case 'f': command->is_fake = true; return EXIT_GOOD;
	case 'v': command->is_verbose = true; return EXIT_GOOD;
	case 's': command->is_sloppy = true; return EXIT_GOOD;
	case 'n':
	case 'w': return EXIT_GOOD;
	case 'r': return parse_option(command, 'o', "ro");
	case 't':
		if (strcmp(given, "inkfs") == 0 || strcmp(given, "fuse.inkfs") == 0)
			return EXIT_GOOD;
		return fail_usage("the type is inkfs or fuse.inkfs");
	case 'N':
		return fail_usage(
			"a store cannot be mounted into another namespace; enter it first (nsenter)");
	case ':': return fail_usage("an option lacks its value");
	default: return fail_usage("an option is not known");
	}
}

static int parse(int argc, char **argv, struct command *command)
{
	static const char shorts[] = ":o:fnsvrwt:N:hV";
	static const struct option longs[] = { { "foreground", no_argument, NULL, 'F' },
					       { "help", no_argument, NULL, 'h' },
					       { "version", no_argument, NULL, 'V' },
					       { "verbose", no_argument, NULL, 'v' },
					       { NULL, 0, NULL, 0 } };
	int option, code;

	/* mount(8) puts -s behind or before -o; it must count for both. */
	for (int i = 1; i < argc; i++)
		command->is_sloppy |= strcmp(argv[i], "-s") == 0;
	while ((option = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (option == 'h' || option == 'V') {
			fputs(option == 'h' ? usage_text : "mount.inkfs " INK_VERSION "\n", stdout);
			exit(EXIT_GOOD);
		}
		code = parse_option(command, option, optarg);
		if (code != EXIT_GOOD)
			return code;
	}
	if (argc - optind != 2)
		return fail_usage("it takes a store and a mount point");
	command->store = argv[optind];
	command->mount_point = argv[optind + 1];
	return EXIT_GOOD;
}

/* Seeds of keys are in memory; the first three descriptors must not become files of the store. */
static void guard_process(void)
{
	static const struct rlimit none = { 0, 0 };
	int fd;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, there would be nothing to wait for */
}

int main(int argc, char **argv)
{
	struct command command = { .store = NULL };
	char text[OPTIONS_TEXT_SIZE];
	struct mount_paths paths;
	struct ink_error error;
	int code;

	guard_process();
	code = parse(argc, argv, &command);
	if (code != EXIT_GOOD)
		return code;
	if (options_check(&command.options, text, &error) != INK_OK)
		return fail_usage(error.text);
	if (mount_paths_check(command.store, command.mount_point, &paths, &error) != INK_OK) {
		say(LOG_ERR, "%s", error.text);
		return EXIT_BAD;
	}
	if (command.options.checkpoint_to[0] &&
	    handout_check(command.options.checkpoint_to, paths.store, paths.mount_point, &error) !=
		    INK_OK)
		return fail_usage(error.text);
	if (command.is_fake) {
		fputs("mount.inkfs: -f: checked, nothing mounted\n", stderr);
		return EXIT_GOOD;
	}
	/* Whatever becomes of this mount: nobody shall write into the bare folder. */
	if (command.options.is_point_immutable &&
	    mount_point_protect(command.mount_point, paths.mount_point, &error) != INK_OK) {
		say(LOG_ERR, "%s", error.text);
		return EXIT_BAD;
	}
	driver_set_log(hear_fuse);
	/* Nothing may keep the folder busy that the driver was started in; all paths are absolute now. */
	if (chdir("/") != 0) {
		say(LOG_ERR, "cannot enter /: %s", strerror(errno));
		return EXIT_BAD;
	}
	return command.is_foreground ? serve(&command, &paths, text)
				     : run_daemon(&command, &paths, text);
}
