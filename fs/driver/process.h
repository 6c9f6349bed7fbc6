/* SPDX-License-Identifier: MIT */
/*
 * What /proc tells about a process.
 *
 * Owns: descriptors during a call; those it returns are the caller's.  Knows nothing of: the store, caches.  Threads: any.
 *
 * All is read through one descriptor of /proc/PID, which stays with that process: when it has ended, reading
 * fails, and never shows the next process of the same number.
 */
#ifndef DRIVER_PROCESS_H
#define DRIVER_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inkfs/record.h"

enum {
	COMM_SIZE_MAX = 64,
	CGROUP_SIZE_MAX = 4096,
	ENVIRON_SIZE_MAX = 256 << 10, /* what lies behind is not looked at */
};

/* The folder of a process or thread; -1 (errno) if it is gone or hidden. */
int process_dir(pid_t pid);
/* The process that a thread belongs to; 0 if that cannot be read. */
pid_t process_of_thread(int dir_fd);

struct process_stat {
	uint32_t ppid;
	uint64_t start_time; /* clock ticks since boot */
	uint32_t comm_size;
	char comm[COMM_SIZE_MAX];
};

/* Its `stat`, to be read any number of times with process_read_stat(); -1 (errno). */
int process_open_stat(int dir_fd);
bool process_read_stat(int stat_fd, struct process_stat *ret_stat);
/* Path of the program, no NUL behind it; 0 if that is not allowed or there is none (kernel threads). */
uint32_t process_read_exe(int dir_fd, char ret_exe[static PATH_MAX]);

/*
 * A descriptor of a thread or process that knows when it has ended, whoever has its number by then; -1 where the
 * system has none for it (before Linux 6.9 a thread that is not its process's first).
 */
int process_watch(pid_t tid);
bool process_has_ended(int watch_fd);
/* A number that no other process gets until the system starts anew; 0 if there is none (before Linux 6.9). */
uint64_t process_serial(pid_t pid);

/* What is left for an ACTOR record. */
struct process_more {
	uint32_t known; /* enum ink_known: LOGIN, SESSION, CGROUP */
	uint32_t login_uid;
	uint32_t session_id;
	uint32_t cgroup_size;
	char cgroup[CGROUP_SIZE_MAX];
};

void process_read_more(int dir_fd, struct process_more *ret_more);

/*
 * NAME=value, each ends in NUL; the number of bytes, or -1 if they cannot be read.  It touches the process's memory, and a
 * hostile process can make that take for ever: see environs.h.
 */
ssize_t process_read_environ(int dir_fd, char ret_text[static ENVIRON_SIZE_MAX]);

#endif
