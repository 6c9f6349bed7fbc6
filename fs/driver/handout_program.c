/* SPDX-License-Identifier: MIT */
#include "handout_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inkfs/checkpoint.h"

enum { POLL_MS = 20, KILL_WAIT_MS = 2000 };

/* Without the socket of the service manager, to which only the driver has something to say. */
static char **environment(void)
{
	size_t count = 0, kept = 0;
	char **copy;

	while (environ && environ[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		if (strncmp(environ[i], "NOTIFY_SOCKET=", strlen("NOTIFY_SOCKET=")) != 0)
			copy[kept++] = environ[i];
	}
	return copy;
}

/*
 * In a process group of its own, with the signals as a program expects them.  Its output goes nowhere; what it complains
 * of goes where ours goes.  All descriptors of ours close themselves; the last action is for those of who started us.
 */
static int start(const char *program, int input, char **env, pid_t *ret_pid)
{
	char *const argv[] = { (char *)(uintptr_t)program, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int error;

	sigemptyset(&none);
	sigfillset(&defaults);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
#if __GLIBC_PREREQ(2, 34)
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setpgroup(&attr, 0);
	error = posix_spawn(ret_pid, program, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* true: it has ended.  *@ret_status stays as it was if nobody can say how. */
static bool wait_ms(pid_t pid, uint64_t limit_ms, int *ret_status)
{
	for (uint64_t waited_ms = 0;; waited_ms += POLL_MS) {
		pid_t done = waitpid(pid, ret_status, WNOHANG);

		if (done == pid || (done < 0 && errno != EINTR))
			return true;
		if (waited_ms >= limit_ms)
			return false;
		poll(NULL, 0, POLL_MS);
	}
}

/* What hangs is ended with all that it has started; what cannot be ended (in a system call) is left to the next time. */
static bool wait_for(uint32_t timeout_s, pid_t *running, char *ret_why)
{
	pid_t pid = *running;
	int status = -1;

	if (!wait_ms(pid, (uint64_t)timeout_s * 1000, &status)) {
		kill(-pid, SIGKILL);
		if (wait_ms(pid, KILL_WAIT_MS, &status))
			*running = 0;
		snprintf(ret_why, HANDOUT_TEXT_SIZE,
			 "it did not take a checkpoint within %u s and was ended", timeout_s);
		return false;
	}
	*running = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		snprintf(ret_why, HANDOUT_TEXT_SIZE,
			 "it did not take a checkpoint, but died of signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(ret_why, HANDOUT_TEXT_SIZE,
			 "it did not take a checkpoint, but ended with exit %d",
			 WEXITSTATUS(status));
	return false;
}

/* The note is in the pipe before the program begins: it is smaller than what a pipe takes at once. */
static int start_with(const char *program, const struct handout_note *note, pid_t *ret_pid)
{
	char **env = environment();
	int pipe_fds[2], error = 0;

	_Static_assert(INK_CHECKPOINT_SIZE_MAX <= PIPE_BUF, "fits into a pipe");
	if (!env)
		return ENOMEM;
	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		error = errno;
		free(env);
		return error;
	}
	if (write(pipe_fds[1], note->text, note->size) != (ssize_t)note->size)
		error = errno ? errno : EIO;
	close(pipe_fds[1]);
	if (error == 0)
		error = start(program, pipe_fds[0], env, ret_pid);
	close(pipe_fds[0]);
	free(env);
	return error;
}

bool handout_to_program(const char *program, uint32_t timeout_s, const struct handout_note *note,
			pid_t *running, char ret_why[static HANDOUT_TEXT_SIZE])
{
	int error, status;

	if (*running != 0 && !wait_ms(*running, 0, &status)) {
		snprintf(ret_why, HANDOUT_TEXT_SIZE, "it hangs and cannot be ended (process %d)",
			 (int)*running);
		return false;
	}
	*running = 0;
	error = start_with(program, note, running);
	if (error != 0) {
		*running = 0;
		snprintf(ret_why, HANDOUT_TEXT_SIZE, "it cannot be run: %s", strerror(error));
		return false;
	}
	return wait_for(timeout_s, running, ret_why);
}
