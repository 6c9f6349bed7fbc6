/* SPDX-License-Identifier: MIT */
#include "actor.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ci.h"
#include "environs.h"
#include "process.h"

enum {
	WAY_COUNT = 4,
	SET_COUNT = ACTOR_CACHE_COUNT / WAY_COUNT,
	KEPT_COUNT = ACTOR_KEPT_COUNT,
	KEPT_COUNT_MIN = 4,
	DESCRIPTORS_OF_OTHERS = 64, /* that the store and requests under way may need */
	/* For so long an exec may go unnoticed on a handle. */
	FRESH_NS = 10000000,
	/*
	 * In so short a time no process ends, is waited for, and has its number given to another one that writes; who
	 * writes more often is not asked for at each write (0.3 µs of 9).
	 */
	WATCH_NS = 25000,
};

struct entry {
	pid_t pid; /* 0: free */
	uint64_t start_time;
	uint64_t serial;
	uint64_t fingerprint;
	uint64_t actor;
	uint64_t used; /* ticks of the cache */
};

/* The way to a process or thread in /proc.  A descriptor is -1 if there is none. */
struct door {
	int dir_fd;
	int stat_fd;
};

static const struct door no_door = { -1, -1 };

/*
 * A thread that was found lately.  Through the open door it is looked at in a fifth of the time, and as closely:
 * who opens a file for every line is looked at for every line.
 */
struct kept {
	pthread_mutex_t lock; /* the rest; held while reading what no process can delay */
	pid_t tid;            /* 0: free */
	int watch_fd;         /* process_watch(), or -1 */
	uint64_t watched_ns;  /* when it last was there */
	struct door door;
	uint64_t fingerprint;
	uint64_t actor;
};

struct actors {
	struct ink_store *store;
	unsigned kept_count;          /* of the next, in use */
	struct kept kept[KEPT_COUNT]; /* a thread has one place, by its number */
	struct environs *environs;
	pthread_mutex_t lock; /* the next two */
	uint64_t tick;
	struct entry entries[SET_COUNT][WAY_COUNT];
};

/* Half of what others leave, so that a segment or a process's folder can always be opened. */
static unsigned choose_kept_count(void)
{
	struct rlimit limit;
	rlim_t count;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= DESCRIPTORS_OF_OTHERS)
		return KEPT_COUNT_MIN;
	count = (limit.rlim_cur - DESCRIPTORS_OF_OTHERS) / 6;
	if (count < KEPT_COUNT_MIN)
		return KEPT_COUNT_MIN;
	return count < KEPT_COUNT ? (unsigned)count : KEPT_COUNT;
}

struct actors *actors_open(struct ink_store *store)
{
	struct actors *actors = calloc(1, sizeof(*actors));

	if (!actors)
		return NULL;
	actors->environs = environs_open();
	if (!actors->environs) {
		free(actors);
		return NULL;
	}
	actors->store = store;
	actors->kept_count = choose_kept_count();
	pthread_mutex_init(&actors->lock, NULL);
	for (int i = 0; i < KEPT_COUNT; i++) {
		actors->kept[i].door = no_door;
		actors->kept[i].watch_fd = -1;
		pthread_mutex_init(&actors->kept[i].lock, NULL);
	}
	return actors;
}

static struct door door_open(pid_t pid)
{
	struct door door = { process_dir(pid), -1 };

	if (door.dir_fd >= 0)
		door.stat_fd = process_open_stat(door.dir_fd);
	return door;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void door_close(struct door *door)
{
	close_if_open(door->stat_fd);
	close_if_open(door->dir_fd);
	*door = no_door;
}

void actors_close(struct actors *actors)
{
	if (!actors)
		return;
	for (int i = 0; i < KEPT_COUNT; i++) {
		door_close(&actors->kept[i].door);
		close_if_open(actors->kept[i].watch_fd);
		pthread_mutex_destroy(&actors->kept[i].lock);
	}
	environs_close(actors->environs);
	pthread_mutex_destroy(&actors->lock);
	free(actors);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* FNV-1a: tells programs apart, promises nothing against those who want two to look alike. */
static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

/* One process or thread, read as far as it takes to tell it from every other. */
struct look {
	struct door door;
	int thread_dir_fd; /* of one of its threads that lives, or -1 */
	pid_t pid;
	uint64_t serial; /* of a process; 0: not asked for */
	struct process_stat stat;
	bool has_lost_leader;
	uint32_t exe_size;
	char exe[PATH_MAX];
	uint64_t fingerprint;
};

static bool look_at(struct look *look)
{
	uint64_t hash = 0xcbf29ce484222325;

	if (look->door.stat_fd < 0 || !process_read_stat(look->door.stat_fd, &look->stat))
		return false;
	look->exe_size = process_read_exe(look->door.dir_fd, look->exe);
	/* A first thread that has ended before the others has no program any more, nor an environment. */
	look->has_lost_leader = look->exe_size == 0 && look->thread_dir_fd >= 0;
	if (look->has_lost_leader)
		look->exe_size = process_read_exe(look->thread_dir_fd, look->exe);
	hash = mix(hash, &look->stat.start_time, sizeof(look->stat.start_time));
	hash = mix(hash, look->stat.comm, look->stat.comm_size);
	hash = mix(hash, "", 1);
	look->fingerprint = mix(hash, look->exe, look->exe_size);
	return true;
}

static struct entry *set_of(struct actors *actors, const struct look *look)
{
	uint64_t hash = mix(look->stat.start_time, &look->pid, sizeof(look->pid));

	return actors->entries[(hash >> 32) % SET_COUNT];
}

static bool cache_find(struct actors *actors, const struct look *look, uint64_t *ret_actor)
{
	struct entry *set = set_of(actors, look);
	bool is_found = false;

	pthread_mutex_lock(&actors->lock);
	for (int i = 0; i < WAY_COUNT && !is_found; i++) {
		if (set[i].pid != look->pid || set[i].start_time != look->stat.start_time ||
		    set[i].serial != look->serial || set[i].fingerprint != look->fingerprint)
			continue;
		set[i].used = ++actors->tick;
		*ret_actor = set[i].actor;
		is_found = true;
	}
	pthread_mutex_unlock(&actors->lock);
	return is_found;
}

static void cache_keep(struct actors *actors, const struct look *look, uint64_t actor)
{
	struct entry *set = set_of(actors, look), *victim = set;

	pthread_mutex_lock(&actors->lock);
	for (int i = 1; i < WAY_COUNT; i++) {
		if (set[i].used < victim->used)
			victim = &set[i];
	}
	*victim = (struct entry){ look->pid, look->stat.start_time, look->serial, look->fingerprint,
				  actor,     ++actors->tick };
	pthread_mutex_unlock(&actors->lock);
}

/* What is read of a process for its record alone. */
struct more {
	struct process_more process;
	char environ[ENVIRON_SIZE_MAX];
	size_t environ_size;
};

static void read_more(struct actors *actors, const struct look *look, struct more *more)
{
	int dir_fd = look->has_lost_leader ? look->thread_dir_fd : look->door.dir_fd;

	process_read_more(dir_fd, &more->process);
	more->environ_size = 0;
	if (environs_read(actors->environs, dir_fd, more->environ, &more->environ_size))
		more->process.known |= INK_KNOWN_ENVIRON;
}

static enum ink_err record(struct actors *actors, const struct look *look,
			   const struct ink_caller *caller, uint64_t *ret_actor)
{
	struct more *more = malloc(sizeof(*more));
	struct ink_body_actor body = {
		.pid = (uint32_t)look->pid,
		.ppid = look->stat.ppid,
		.start_time = look->stat.start_time,
		.known = INK_KNOWN_PROCESS | INK_KNOWN_COMM,
		.comm = { look->stat.comm, look->stat.comm_size },
		.exe = { look->exe, look->exe_size },
	};
	enum ink_err err;

	if (!more)
		return INK_ERR_IO;
	read_more(actors, look, more);
	body.known |= more->process.known | (look->exe_size > 0 ? INK_KNOWN_EXE : 0);
	body.login_uid = more->process.login_uid;
	body.session_id = more->process.session_id;
	body.cgroup = (struct ink_str){ more->process.cgroup, more->process.cgroup_size };
	ci_find(more->environ, more->environ_size, &body);
	err = ink_actor(actors->store, caller->uid, caller->gid, &body, ret_actor);
	free(more);
	return err;
}

/*
 * Two threads of one new process may both get here and make two records of it; that is true twice, and cheaper
 * than a lock around what may wait.
 */
static enum ink_err find_process(struct actors *actors, const struct look *thread,
				 const struct ink_caller *caller, uint64_t *ret_actor)
{
	struct look look = {
		.door = no_door,
		.thread_dir_fd = thread->door.dir_fd,
		.pid = process_of_thread(thread->door.dir_fd),
	};
	enum ink_err err = INK_OK;

	*ret_actor = 0;
	if (look.pid == 0)
		return INK_OK;
	look.serial = process_serial(look.pid);
	look.door = door_open(look.pid);
	if (look_at(&look) && !cache_find(actors, &look, ret_actor)) {
		err = record(actors, &look, caller, ret_actor);
		if (err == INK_OK)
			cache_keep(actors, &look, *ret_actor);
	}
	door_close(&look.door);
	return err;
}

static struct kept *kept_of(struct actors *actors, pid_t tid)
{
	return &actors->kept[(unsigned)tid % actors->kept_count];
}

bool actor_is_fresh(struct actors *actors, const struct actor_seen *seen, pid_t tid)
{
	struct kept *kept = kept_of(actors, tid);
	uint64_t time_ns = now_ns();
	bool is_fresh = true;

	if (tid == 0 || seen->tid != tid || time_ns - seen->checked_ns >= FRESH_NS)
		return false;
	pthread_mutex_lock(&kept->lock);
	if (kept->tid == tid && kept->watch_fd >= 0 && time_ns - kept->watched_ns >= WATCH_NS) {
		is_fresh = !process_has_ended(kept->watch_fd);
		if (is_fresh)
			kept->watched_ns = time_ns;
	}
	pthread_mutex_unlock(&kept->lock);
	return is_fresh;
}

/* true if @tid is kept and still what it was.  If it is kept and another now, @seen is forgotten. */
static bool kept_find(struct actors *actors, pid_t tid, struct actor_seen *seen)
{
	struct look look = { .thread_dir_fd = -1 };
	struct kept *kept = kept_of(actors, tid);
	bool is_same = false;

	pthread_mutex_lock(&kept->lock);
	if (kept->tid == tid) {
		look.door = kept->door;
		is_same = look_at(&look) && look.fingerprint == kept->fingerprint;
		*seen = (struct actor_seen){ .tid = 0 };
	}
	if (is_same)
		*seen = (struct actor_seen){ tid, now_ns(), kept->fingerprint, kept->actor };
	pthread_mutex_unlock(&kept->lock);
	return is_same;
}

/* Takes the door of @thread. */
static void keep(struct actors *actors, struct look *thread, uint64_t actor)
{
	struct kept *kept = kept_of(actors, thread->pid);
	int watch_fd = process_watch(thread->pid), old_watch_fd;
	struct door old;

	pthread_mutex_lock(&kept->lock);
	old = kept->door;
	old_watch_fd = kept->watch_fd;
	kept->tid = thread->pid;
	kept->watch_fd = watch_fd;
	kept->watched_ns = 0;
	kept->door = thread->door;
	kept->fingerprint = thread->fingerprint;
	kept->actor = actor;
	pthread_mutex_unlock(&kept->lock);
	thread->door = no_door;
	door_close(&old);
	close_if_open(old_watch_fd);
}

enum ink_err actors_find(struct actors *actors, pid_t tid, struct ink_caller *caller,
			 struct actor_seen *seen)
{
	struct look thread = { .door = no_door, .thread_dir_fd = -1, .pid = tid };
	enum ink_err err = INK_OK;

	caller->actor = 0;
	if (tid <= 0)
		return INK_OK;
	if (kept_find(actors, tid, seen)) {
		caller->actor = seen->actor;
		return INK_OK;
	}
	thread.door = door_open(tid);
	if (look_at(&thread)) {
		if (seen->tid == tid && seen->fingerprint == thread.fingerprint && seen->actor != 0)
			caller->actor = seen->actor;
		else
			err = find_process(actors, &thread, caller, &caller->actor);
		if (err == INK_OK)
			*seen = (struct actor_seen){ tid, now_ns(), thread.fingerprint,
						     caller->actor };
		if (err == INK_OK && caller->actor != 0)
			keep(actors, &thread, caller->actor);
	}
	door_close(&thread.door);
	return err;
}
