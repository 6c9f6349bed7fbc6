/* SPDX-License-Identifier: MIT */
/*
 * soak_power FIRST COUNT [STEP]: run COUNT seeds from FIRST on, each STEP-th, on the disk that lies.
 *
 * Prints the counts of what has happened; ends at the first failure with exit 1, the seed and the folder of the store.
 * SIGTERM or SIGINT: the seed in hand is the last, and the counts are of those that were run.
 * `make soak` divides the seeds among the processors; `make soak SEED=n` runs one.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "power.h"

static volatile sig_atomic_t is_asked_to_end;

static void on_signal(int number)
{
	(void)number;
	is_asked_to_end = 1;
}

static void report(const struct power_env *env, unsigned long long count)
{
	const struct power_counts *c = power_env_counts(env);

	printf("%llu seeds: %llu lives, %llu cuts of power, %llu kills, %llu orderly ends, %llu disk errors, %llu opens that failed (%llu for want of power), %llu records, %llu recoveries, %llu tails set aside\n",
	       count, (unsigned long long)c->lives, (unsigned long long)c->cuts,
	       (unsigned long long)c->kills, (unsigned long long)c->closes,
	       (unsigned long long)c->faults, (unsigned long long)c->failed_opens,
	       (unsigned long long)c->cut_opens, (unsigned long long)c->records,
	       (unsigned long long)c->recoveries, (unsigned long long)c->losses);
}

int main(int argc, char **argv)
{
	unsigned long long first, count, step, i;
	struct power_env *env;
	char why[POWER_WHY_SIZE];

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: soak_power FIRST COUNT [STEP]\n");
		return 2;
	}
	first = strtoull(argv[1], NULL, 10);
	count = strtoull(argv[2], NULL, 10);
	step = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	env = power_env_open();
	for (i = 0; i < count && !is_asked_to_end; i++) {
		if (power_run(env, first + i * step, why))
			continue;
		printf("seed %llu: %s\n  the store: %s\n  again: make soak SEED=%llu\n",
		       first + i * step, why, power_env_store(env), first + i * step);
		return 1;
	}
	report(env, i);
	power_env_close(env);
	return 0;
}
