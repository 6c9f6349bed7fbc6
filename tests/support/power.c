/* SPDX-License-Identifier: MIT */
#include "power.h"

#include <errno.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inkfs/verify.h"
#include "lying_disk.h"
#include "power_private.h"

enum { LIVES_MAX = 4 };

/* --- the same bytes from the same seed: keys, nonces, store id --- */

static struct rng key_rng;

static const char *random_name(void)
{
	return "test";
}

static uint32_t random_number(void)
{
	return (uint32_t)rng_next(&key_rng);
}

static void random_bytes(void *const buf, const size_t size)
{
	rng_fill(&key_rng, buf, size);
}

static struct randombytes_implementation seeded = {
	.implementation_name = random_name,
	.random = random_number,
	.buf = random_bytes,
};

/* --- prepared stores --- */

/* Somewhat used; the second has its segment almost full. */
static bool make_template(struct power_env *env, struct power_template *t, bool is_full)
{
	struct power p = { .env = env, .io = io_system(), .oracle = &t->oracle };
	struct ink_init_options init = { .origin = "test.example/power",
					 .segment_size = SEGMENT_SIZE_MIN };
	char vkey[INK_VKEY_SIZE];
	struct ink_error error;

	snprintf(p.path, sizeof(p.path), "%s", t->path);
	power_oracle_init(&t->oracle);
	rng_init_from(&p.rng, is_full ? 2 : 1);
	p.options = trial_quiet();
	p.options.profile = INK_PROFILE_ROTATE;
	if (ink_store_init(t->path, &init, vkey, &error) != INK_OK ||
	    ink_store_open(t->path, &p.options, &p.store, &error) != INK_OK)
		return false;
	memcpy(t->store_id, p.store->store_id, INK_STORE_ID_SIZE);
	while (t->oracle.count < 12)
		power_step_small(&p);
	if (is_full)
		power_fill_segment(&p);
	return !t->oracle.why[0] && ink_store_close(p.store, INK_UNMOUNT_ASKED) == INK_OK;
}

struct power_env *power_env_open(void)
{
	struct power_env *env = calloc(1, sizeof(*env));
	const char *const names[POWER_TEMPLATES] = { "used", "full" };

	if (!env || randombytes_set_implementation(&seeded) != 0)
		abort();
	/* Buffers of a megabyte come and go by the thousand: not each time from the kernel. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	rng_init_from(&key_rng, 0);
	scratch_dir_in_memory(env->dir);
	scratch_path(env->dir, "disk", env->disk_dir);
	scratch_path(env->disk_dir, "store", env->store);
	env->payload = malloc(POWER_PAYLOAD_MAX);
	for (size_t i = 0; i < POWER_PAYLOAD_MAX; i++)
		env->payload[i] = (uint8_t)(i * 31 + i / 251);
	for (unsigned i = 0; i < POWER_TEMPLATES; i++) {
		scratch_path(env->dir, names[i], env->templates[i].path);
		if (!make_template(env, &env->templates[i], i == 1)) {
			fprintf(stderr, "cannot prepare a store: %s\n",
				env->templates[i].oracle.why);
			exit(3);
		}
	}
	if (mkdir(env->disk_dir, 0700) != 0)
		abort();
	env->disk = lying_disk_open(env->disk_dir);
	return env;
}

void power_env_close(struct power_env *env)
{
	if (!env)
		return;
	for (unsigned i = 0; i < POWER_TEMPLATES; i++)
		power_oracle_release(&env->templates[i].oracle);
	lying_disk_close(env->disk);
	tree_remove(env->dir);
	free(env->payload);
	free(env);
}

const char *power_env_store(const struct power_env *env)
{
	return env->store;
}

const struct power_counts *power_env_counts(const struct power_env *env)
{
	return &env->counts;
}

/* --- what the verifier says --- */

static void on_finding(void *ctx, const struct ink_finding *finding)
{
	struct power *p = ctx;

	if (finding->severity == INK_EVIDENCE)
		power_oracle_fail(p->oracle, "evidence: %s: record %llu: %s",
				  ink_finding_name(finding->code), (unsigned long long)finding->seq,
				  finding->text);
}

static bool verify(struct power *p, struct ink_verify_result *ret_result)
{
	struct ink_verify_options options = { .thread_count = 1,
					      .on_finding = on_finding,
					      .ctx = p };
	struct ink_error error;

	if (ink_verify(p->path, &options, ret_result, &error) != INK_OK)
		return power_oracle_fail(p->oracle, "verify: %s", error.text);
	return ret_result->is_intact && !p->oracle->why[0];
}

/* --- after the end of a life --- */

/* The epoch in the key file is not older than the last that was acknowledged, and its key is alone there. */
static bool check_key_file(struct power *p)
{
	struct seal_key_file file = { 0 };
	struct ink_error error;
	char dir[PATH_MAX];
	bool is_good = true;

	scratch_path(p->path, "keys", dir);
	if (seal_key_read(io_system(), dir, p->store_id, &file, &error) != INK_OK)
		return power_oracle_fail(p->oracle, "seal.key: %s", error.text);
	if (file.epoch < p->oracle->epoch)
		is_good = power_oracle_fail(
			p->oracle, "seal.key still holds the key of epoch %u; %u had begun",
			file.epoch, p->oracle->epoch);
	seal_key_file_release(&file);
	return is_good;
}

static bool is_zero_from(const char *path, uint64_t from)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[1 << 16];
	bool result = fd >= 0;
	ssize_t got;

	while (result && (got = pread(fd, bytes, sizeof(bytes), (off_t)from)) > 0) {
		result = bytes_are_zero(bytes, (size_t)got);
		from += (uint64_t)got;
	}
	if (fd >= 0)
		close(fd);
	return result;
}

/*
 * Does the log go on behind its last record?  Zeros do not count, nor does a segment that is nothing but a header:
 * those were made ahead.
 */
static bool has_tail(const struct power *p)
{
	uint32_t segment = place_segment(p->log.end_place);
	uint64_t from = place_offset(p->log.end_place);
	char dir[PATH_MAX], path[PATH_MAX];
	bool result = false;

	scratch_path(p->path, "log", dir);
	segment_path(dir, segment, path);
	while (!result && file_exists(path)) {
		result = from < file_size(path) && !is_zero_from(path, from);
		segment_path(dir, ++segment, path);
		from = SEGMENT_HEADER_SIZE;
	}
	return result;
}

/* What the last RECOVERY says it set aside is there; it reached the disk before that record. */
static bool check_tails(struct power *p, const struct power_log *log)
{
	char lost[PATH_MAX], path[PATH_MAX], name[INK_LOST_NAME_SIZE];

	scratch_path(p->path, "lost", lost);
	for (unsigned i = 0; i < log->lost_count; i++) {
		ink_lost_name(log->recovery_seq, i, name);
		scratch_path(lost, name, path);
		if (!file_exists(path) || file_size(path) != log->lost_sizes[i])
			return power_oracle_fail(p->oracle, "lost/%s is not what RECOVERY says",
						 name);
	}
	return true;
}

/* Before anything is opened: nothing lost, nothing invented, no evidence. */
static bool check_image(struct power *p, bool is_power_cut)
{
	struct power_oracle *oracle = p->oracle;
	struct ink_verify_result result;

	if (!power_oracle_check_log(oracle, p->path, &p->log))
		return false;
	/* Of the death of a process alone, what was written survives, synced or not. */
	if (!is_power_cut && p->log.count + oracle->is_last_open < oracle->count)
		return power_oracle_fail(oracle, "%u of %u records survived their process",
					 p->log.count, oracle->count);
	p->has_tail = has_tail(p);
	power_oracle_cut(oracle, p->log.count);
	if (is_power_cut)
		oracle->durable_count = p->log.count; /* it is on the disk, seal or not */
	return verify(p, &result) && check_key_file(p) && check_tails(p, &p->log);
}

/* The store is open again: an end without order is in a RECOVERY, and a tail that was cut is kept. */
static bool check_recovery(struct power *p, const struct power_log *before, bool had_tail)
{
	struct power_log after;

	if (!power_oracle_check_log(p->oracle, p->path, &after))
		return false;
	p->env->counts.recoveries += after.recovery_count - before->recovery_count;
	if (after.unclean_count != 1)
		return power_oracle_fail(p->oracle, "%u sessions ended without a RECOVERY",
					 after.unclean_count - 1);
	if (after.recovery_count == before->recovery_count)
		return !had_tail || power_oracle_fail(p->oracle, "a tail and no RECOVERY of it");
	if (had_tail && after.lost_count == 0)
		return power_oracle_fail(p->oracle, "a RECOVERY that knows of no tail");
	p->env->counts.losses += after.lost_count > 0;
	return check_tails(p, &after);
}

/* --- a life --- */

static void arm(struct power *p)
{
	struct lying_fault fault = { .mask = LYING_ALL, .errno_code = EIO };

	p->is_armed = rng_below(&p->rng, 8) != 0;
	p->has_fault = rng_below(&p->rng, 6) == 0;
	if (p->is_armed)
		lying_disk_arm_cut(
			p->env->disk,
			1 + (unsigned)rng_below(&p->rng, rng_below(&p->rng, 3) ? 160 : 50));
	if (p->has_fault) {
		fault.at = 1 + (unsigned)rng_below(&p->rng, 120);
		fault.is_persistent = rng_below(&p->rng, 3) == 0;
		fault.forget_one_in = (unsigned)rng_below(&p->rng, 4);
		if (rng_below(&p->rng, 2) == 0) {
			fault.errno_code = ENOSPC;
			fault.mask = 1 << LYING_OPEN | 1 << LYING_WRITE | 1 << LYING_SIZE |
				     1 << LYING_MKDIR | 1 << LYING_RENAME;
		} else if (rng_below(&p->rng, 2) == 0) {
			fault.mask = 1 << LYING_SYNC;
			fault.at = 1 + fault.at / 8;
		}
	}
	if (rng_below(&p->rng, 4) == 0)
		fault.short_one_in = 5;
	lying_disk_arm_fault(p->env->disk, &fault);
}

static void choose_options(struct power *p)
{
	p->options = trial_quiet();
	p->options.seal_mode =
		rng_below(&p->rng, 10) == 0 ? INK_SEAL_MODE_WRITE : INK_SEAL_MODE_BATCH;
	p->options.profile = rng_below(&p->rng, 3) == 0 ? INK_PROFILE_STRICT : INK_PROFILE_ROTATE;
	p->is_sync = rng_below(&p->rng, 10) == 0;
}

/* INKFS_TEST_KEEP=FOLDER: a copy of the store before each life, to look into a failure. */
static void keep_copy(struct power *p)
{
	const char *dir = getenv("INKFS_TEST_KEEP");
	char path[PATH_MAX];

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%llu", dir, (unsigned long long)p->env->counts.lives);
	tree_copy(p->path, path);
	printf("life %llu in %s: %s%s\n", (unsigned long long)p->env->counts.lives, path,
	       p->is_armed ? "the power will go " : "", p->has_fault ? "the disk will fail" : "");
}

/* Open, work, end somehow. */
static bool live(struct power *p)
{
	struct power_log before = p->log;
	bool had_tail = p->has_tail;
	struct ink_error error = { 0 };
	uint64_t steps = rng_below(&p->rng, 30);

	p->env->counts.lives++;
	p->has_refused_unlink = false;
	keep_copy(p);
	if (store_open_on(p->io, p->path, &p->options, &p->store, &error) != INK_OK) {
		bool is_dead = lying_disk_is_dead(p->env->disk);

		p->env->counts.failed_opens++;
		p->env->counts.cut_opens += is_dead;
		if (!is_dead && !power_has_failed(p))
			return power_oracle_fail(p->oracle, "does not open: %s", error.text);
		if (error.code == INK_ERR_DAMAGED)
			return power_oracle_fail(p->oracle, "a failing disk is called damage: %s",
						 error.text);
		return true;
	}
	/* Who syncs often is served in another way, and a life is too short to show the habit. */
	if (rng_below(&p->rng, 2) == 0)
		atomic_store(&p->store->asked_sync_count, SYNC_HABIT_COUNT);
	power_oracle_promise(p->oracle);
	p->oracle->epoch = catalog_head(p->store->catalog)->epoch;
	memcpy(p->store_id, p->store->store_id, INK_STORE_ID_SIZE);
	if (!lying_disk_is_dead(p->env->disk) && (!check_recovery(p, &before, had_tail) ||
						  !power_oracle_check_store(p->oracle, p->store)))
		return false;
	while (steps-- > 0 && !power_is_over(p) && !p->oracle->why[0])
		power_step(p);
	if (!p->oracle->why[0] && rng_below(&p->rng, 4) != 0) {
		if (ink_store_close(p->store, INK_UNMOUNT_ASKED) == INK_OK)
			power_oracle_promise(p->oracle);
		else if (!power_is_over(p) && !power_has_failed(p))
			power_oracle_fail(p->oracle, "does not close");
		p->env->counts.closes++;
	} else {
		trial_abandon(p->store);
	}
	p->store = NULL;
	return !p->oracle->why[0];
}

static bool end_life(struct power *p)
{
	struct power_counts *counts = &p->env->counts;
	bool is_dead = lying_disk_is_dead(p->env->disk);
	static const struct lying_fault none;

	counts->faults += lying_disk_has_failed(p->env->disk);
	if (!is_dead && rng_below(&p->rng, 2) == 0) {
		counts->kills++;
		lying_disk_arm_cut(p->env->disk, 0);
		lying_disk_arm_fault(p->env->disk, &none);
		return check_image(p, false);
	}
	counts->cuts++;
	if (is_dead)
		counts->cuts_by_call[lying_disk_last_call(p->env->disk)]++;
	lying_disk_cut(p->env->disk);
	return check_image(p, true);
}

/* A healthy disk at last: all is there, it closes, and the verifier wants nothing. */
static bool end_well(struct power *p)
{
	struct ink_verify_result result;

	p->options = trial_quiet();
	p->is_armed = p->has_fault = false;
	if (!live(p))
		return false;
	if (!verify(p, &result))
		return power_oracle_fail(p->oracle, "not intact at the end");
	return power_oracle_check_log(p->oracle, p->path, &p->log);
}

static bool run(struct power *p)
{
	unsigned lives = 1 + (unsigned)rng_below(&p->rng, LIVES_MAX);

	for (unsigned i = 0; i < lives; i++) {
		arm(p);
		choose_options(p);
		if (!live(p) || !end_life(p))
			return false;
	}
	return end_well(p);
}

bool power_run(struct power_env *env, uint64_t seed, char *ret_why)
{
	struct power_oracle oracle;
	struct power p = { .env = env, .oracle = &oracle, .io = lying_disk_io(env->disk) };
	const struct power_template *template;
	bool is_good;

	rng_init_from(&p.rng, seed);
	rng_init_from(&key_rng, seed + 1);
	/* The full one is slow to check, and only there to be rotated. */
	template = &env->templates[rng_below(&p.rng, 6) == 0];
	power_oracle_copy(&template->oracle, &oracle);
	snprintf(p.path, sizeof(p.path), "%s", env->store);
	memcpy(p.store_id, template->store_id, INK_STORE_ID_SIZE);
	if (file_exists(env->store))
		tree_remove(env->store);
	tree_copy(template->path, env->store);
	lying_disk_load(env->disk, seed + 2);
	is_good = power_oracle_check_log(&oracle, p.path, &p.log) && run(&p);
	if (p.store)
		trial_abandon(p.store);
	memcpy(ret_why, oracle.why, POWER_WHY_SIZE);
	env->counts.records += oracle.count;
	power_oracle_release(&oracle);
	return is_good;
}
