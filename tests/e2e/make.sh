#!/bin/bash
# A parallel build logs: make -j2 with its output synchronised by target, by recursion and not
# at all, a second build of what has changed, and one that fails.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need make cc

# Some files with a warning each, in two folders, so that there is something to say.
make_tree() {
	local dir i
	mkdir -p "$1/sub"
	for dir in "$1" "$1/sub"; do
		for ((i = 0; i < 4; i++)); do
			echo "int f$i(void) { int unused_$i; return $i; }" >"$dir/f$i.c"
		done
	done
	cat >"$1/sub/Makefile" <<'END'
OBJ := f0.o f1.o f2.o f3.o
all: $(OBJ)
%.o: %.c
	@echo "compiling $<"
	$(CC) -Wall -c -o $@ $<
END
	cat "$1/sub/Makefile" - >"$1/Makefile" <<'END'
all: sub
.PHONY: sub
sub:
	$(MAKE) -C sub
broken:
	@echo "about to fail"; false
END
}

unset MAKEFLAGS MAKELEVEL MFLAGS
quiet_make() { make --no-print-directory -C "$@"; }

# Which of two jobs is first differs from run to run.
in_any_order() { sort; }

# Without synchronisation messages of two compilers may meet within a line.
what_was_compiled() { grep -o 'compiling f[0-9]\.c' | sort; }

mount_store strict
for dir in "$mnt" "$plain"; do
	for sync in target recurse none; do
		make_tree tree
		quiet_make tree -j2 --output-sync="$sync" >"$dir/$sync.log" 2>&1
		rm tree/sub/f1.o # a time that is set could be that of the object, on a machine that stalls
		quiet_make tree -j2 --output-sync="$sync" >>"$dir/$sync.log" 2>&1
		if quiet_make tree -j2 --output-sync="$sync" broken >>"$dir/$sync.log" 2>&1; then
			fail "a broken build succeeds"
		fi
		rm -r tree
	done
done
compare_as in_any_order target.log recurse.log
compare_as what_was_compiled none.log
[[ $(grep -c '^compiling ' "$mnt/target.log") -eq 9 ]] || fail "a line is missing"
written_by make target.log
written_by cc1 none.log

# The very same bytes: one build's output to both.
for _ in 1 2; do
	make_tree tree
	quiet_make tree -j2 2>&1 | tee -a "$mnt/both.log" "$plain/both.log" >/dev/null
	rm -r tree
done
compare both.log
finish 0
