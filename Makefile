# inkfs: one hand-written Makefile.  `make help` lists the targets.
#
#   CC=clang                  another compiler (give it its own BUILD=)
#   SAN=address,undefined     sanitizers, in a build directory of their own
#   SAN=thread
#   WERROR=                   warnings do not stop the build
#   WRAP='valgrind -q'        put before every test program
#   ARGS='--quick'            options for `make bench`
#   BUILD=dir                 where everything goes

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
AR      ?= ar
INSTALL ?= install

SAN     ?=
WRAP    ?=

# Under a sanitizer gcc warns of things that are not so; the plain builds
# with gcc and with clang are where warnings stop us.
WERROR  ?= $(if $(SAN),,-Werror)

BUILD   ?= build$(if $(SAN),-$(if $(findstring thread,$(SAN)),tsan,asan))

DESTDIR ?=
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/inkfs
UNITDIR ?= $(PREFIX)/lib/systemd/system

# mount(8) looks for /sbin/mount.TYPE and nowhere else.  Empty: no link there.
HELPERDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/sbin,/sbin)

# --- flags -------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wcast-align -Wwrite-strings \
	-Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough

HARDENING := -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)

# FORTIFY hides calls from the sanitizers, so it is one or the other.
ifeq ($(SAN),)
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SAN_FLAGS :=
else
SAN_FLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# NDEBUG is never defined: assertions stay on in what people run.
CFLAGS   ?= -O2 -g
LDFLAGS  ?=
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Iinclude $(WARNINGS) $(WERROR) \
	$(HARDENING) $(SAN_FLAGS) -pthread $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SAN_FLAGS) -pthread \
	$(CFLAGS) $(LDFLAGS)

STORE_LIBS := -lcrypto -lsodium -llmdb -lpthread
TOOL_LIBS  := -ljansson -lpcre2-8

# Asked only where it is used, so that `make run` on a bare machine gets as far
# as installing pkg-config.
FUSE_CFLAGS = $(shell pkg-config --cflags fuse3)
FUSE_LIBS   = $(shell pkg-config --libs fuse3)

# What one area may include is also what its include path offers; the check
# `layers` covers the rest.
FLAGS_store   := -Ifs/store -fPIC -fvisibility=hidden
FLAGS_driver   = -Ifs/driver -fPIE $(FUSE_CFLAGS)
FLAGS_tools   := -Itools -fPIE
FLAGS_mount   := -Itools -Ifs/driver -fPIE
FLAGS_tests   := -Ifs/store -Itests -Itests/support -fPIE

comma := ,

# --- what there is to build --------------------------------------------------

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

STORE_SRC   := $(wildcard fs/store/*.c)
DRIVER_SRC  := $(wildcard fs/driver/*.c)
MOUNT_SRC   := $(wildcard tools/mount_*.c)
TOOLS_SRC   := $(filter-out $(MOUNT_SRC),$(wildcard tools/*.c))
SUPPORT_SRC := $(wildcard tests/support/*.c)
TEST_SRC    := $(wildcard $(addsuffix /test_*.c,tests/unit tests/crash \
	tests/tamper tests/fuzz)) $(wildcard tests/mount/*.c)
BENCH_SHARED := tests/bench/measure.c tests/bench/serve.c
BENCH_SRC   := $(filter-out $(BENCH_SHARED),$(wildcard tests/bench/*.c))
# What the fuzz targets need besides; their door to libFuzzer is for `make fuzz` alone.
FUZZ_DOOR   := tests/fuzz/fuzz_main.c
FUZZ_SRC    := $(filter-out $(FUZZ_DOOR) $(TEST_SRC),$(wildcard tests/fuzz/*.c))
SOAK_SRC    := $(wildcard tests/soak/soak_*.c)
MAN1        := $(wildcard tools/*.1)
MAN8        := $(wildcard tools/*.8)
UNIT        := tools/inkfs@.service
SCHEMA      := $(wildcard tools/*.schema.json)
RSYSLOG     := $(wildcard tools/rsyslog/*)

LIB      := $(BUILD)/libinkfs.a
SUPPORT  := $(BUILD)/libsupport.a
INKFS    := $(if $(TOOLS_SRC),$(BUILD)/inkfs)
MOUNT    := $(if $(MOUNT_SRC),$(BUILD)/mount.inkfs)
TESTS    := $(TEST_SRC:%.c=$(BUILD)/%)
BENCHES  := $(BENCH_SRC:%.c=$(BUILD)/%)
SOAKS    := $(SOAK_SRC:%.c=$(BUILD)/%)

ALL_OBJ  := $(call obj,$(STORE_SRC) $(DRIVER_SRC) $(MOUNT_SRC) $(TOOLS_SRC) \
	$(SUPPORT_SRC) $(TEST_SRC) $(FUZZ_SRC) $(FUZZ_DOOR) $(BENCH_SRC) $(BENCH_SHARED) \
	$(wildcard tests/soak/*.c))

# --- targets -----------------------------------------------------------------

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY: $(ALL_OBJ)
.PHONY: all programs tests test check format run bench fuzz install uninstall clean help FORCE

all: programs ## build inkfs, mount.inkfs and libinkfs.a (the default)

programs: $(LIB) $(INKFS) $(MOUNT)

# The benchmarks are tried, too, but not under a sanitizer.
tests: programs $(TESTS) $(if $(SAN),,$(BENCHES)) ## build the test programs, run nothing

test: ## install what is missing, build, run all tests (WRAP=, SAN=, ONLY=pattern)
	@scripts/setup.sh --test
	@+$(MAKE) --no-print-directory tests
	@BUILD='$(BUILD)' WRAP='$(WRAP)' tests/run.sh $(if $(ONLY),--only '$(ONLY)')

check: ## run all named checks (scripts/check.sh list; check-NAME for one)
	@scripts/check.sh all

check-%:
	@scripts/check.sh $*

format: ## let clang-format lay out all sources
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format -i

run: ## set up, build, make a store in run/, mount it, log a real build into it
	@scripts/setup.sh
	@+$(MAKE) --no-print-directory all
	@BUILD='$(BUILD)' scripts/run.sh

bench: ## build the benchmarks and run them (ARGS=--quick, ARGS=--readme; tests/bench/README.md)
	@scripts/setup.sh --bench
	@+$(MAKE) --no-print-directory all bench-programs
	@BUILD='$(BUILD)' tests/bench/run.sh $(ARGS)

fuzz: ## fuzz one decoder: TARGET=name (tests/fuzz/README.md) TIME=seconds
	@+$(MAKE) --no-print-directory CC=clang SAN=address,undefined,fuzzer-no-link \
		BUILD=build-fuzz build-fuzz/fuzz
	@TARGET='$(TARGET)' TIME='$(TIME)' tests/fuzz/run_libfuzzer

soak: ## losses of power by the hundred thousand (SEEDS=, tests/soak/run.sh)
	@scripts/setup.sh --test
	@+$(MAKE) --no-print-directory all soak-programs
	@BUILD='$(BUILD)' tests/soak/run.sh

.PHONY: bench-investigate
bench-investigate: programs $(BENCHES) ## how long log, grep and blame take on ten million records
	@BUILD='$(BUILD)' tests/bench/investigate.sh

.PHONY: bench-programs soak soak-programs
soak-programs: programs $(SOAKS)
bench-programs: programs $(BENCHES)

# A symlink gives mount(8) the driver's program under both type names, `inkfs`
# and `fuse.inkfs`; for the second, mount.fuse3 would run `inkfs`, which is
# the auditor's tool and mounts only as a subcommand.
install: programs ## install under PREFIX (/usr/local); HELPERDIR= for no link in /sbin
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(SBINDIR)'
	$(if $(INKFS),$(INSTALL) -m 0755 $(INKFS) '$(DESTDIR)$(BINDIR)/inkfs')
	$(if $(MOUNT),$(INSTALL) -m 0755 $(MOUNT) '$(DESTDIR)$(SBINDIR)/mount.inkfs')
ifneq ($(HELPERDIR),)
	$(INSTALL) -d '$(DESTDIR)$(HELPERDIR)'
	@if [ ! '$(DESTDIR)$(HELPERDIR)' -ef '$(DESTDIR)$(SBINDIR)' ]; then \
		ln -sfn '$(SBINDIR)/mount.inkfs' '$(DESTDIR)$(HELPERDIR)/mount.inkfs'; \
	fi
	ln -sfn '$(SBINDIR)/mount.inkfs' '$(DESTDIR)$(HELPERDIR)/mount.fuse.inkfs'
endif
ifneq ($(MAN1),)
	$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man1'
	$(INSTALL) -m 0644 $(MAN1) '$(DESTDIR)$(MANDIR)/man1'
endif
ifneq ($(MAN8),)
	$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man8'
	$(INSTALL) -m 0644 $(MAN8) '$(DESTDIR)$(MANDIR)/man8'
endif
	$(INSTALL) -d '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(DATADIR)/rsyslog'
	sed 's|/usr/local/sbin/|$(SBINDIR)/|' $(UNIT) >'$(DESTDIR)$(UNITDIR)/$(notdir $(UNIT))'
	chmod 0644 '$(DESTDIR)$(UNITDIR)/$(notdir $(UNIT))'
	$(INSTALL) -m 0644 $(SCHEMA) '$(DESTDIR)$(DATADIR)'
	$(INSTALL) -m 0644 $(RSYSLOG) '$(DESTDIR)$(DATADIR)/rsyslog'
	chmod 0755 '$(DESTDIR)$(DATADIR)/rsyslog/inkfs-last'

INSTALLED = $(BINDIR)/inkfs $(SBINDIR)/mount.inkfs \
	$(if $(HELPERDIR),$(HELPERDIR)/mount.inkfs $(HELPERDIR)/mount.fuse.inkfs) \
	$(addprefix $(MANDIR)/man1/,$(notdir $(MAN1))) \
	$(addprefix $(MANDIR)/man8/,$(notdir $(MAN8))) \
	$(UNITDIR)/$(notdir $(UNIT)) \
	$(addprefix $(DATADIR)/,$(notdir $(SCHEMA))) \
	$(addprefix $(DATADIR)/rsyslog/,$(notdir $(RSYSLOG)))

uninstall: ## remove what install has put there (same DESTDIR, PREFIX)
	rm -f $(patsubst %,'$(DESTDIR)%',$(INSTALLED))
	@for dir in '$(DESTDIR)$(DATADIR)/rsyslog' '$(DESTDIR)$(DATADIR)'; do \
		if [ -d "$$dir" ]; then rmdir --ignore-fail-on-non-empty "$$dir"; fi; \
	done

clean: ## remove the build directories (run/ stays: it holds a store)
	rm -rf build build-*

help: ## this list
	@sed -n 's/^\([a-z]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# --- rules -------------------------------------------------------------------

# The flags are a file, rewritten only when they differ, and every object
# depends on it: changed flags rebuild, unchanged ones do not.
FLAGS_NOW = $(CC) | $(ALL_CFLAGS) | $(ALL_LDFLAGS)

$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS_NOW)' | cmp -s - $@ || printf '%s\n' '$(FLAGS_NOW)' >$@

$(BUILD)/obj/fs/store/%.o:          FLAGS = $(FLAGS_store)
$(BUILD)/obj/fs/driver/%.o:         FLAGS = $(FLAGS_driver)
$(BUILD)/obj/tools/%.o:             FLAGS = $(FLAGS_tools)
$(BUILD)/obj/tools/mount_%:          FLAGS = $(FLAGS_mount)
$(BUILD)/obj/tests/%.o:             FLAGS = $(FLAGS_tests)
$(BUILD)/obj/tests/fuzz/fuzz_state.o: FLAGS = $(FLAGS_tests) -Itools
$(BUILD)/obj/tests/bench/%.o:       FLAGS = $(FLAGS_tests) -Itests/bench
$(foreach name,serve emptyfs passfs,$(BUILD)/obj/tests/bench/$(name).o): \
	FLAGS = $(FLAGS_tests) -Itests/bench $(FUSE_CFLAGS)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) $(FLAGS) -MMD -MP -c -o $@ $<

# Programs that stand on the lying disk take the C library's calls from LMDB.
LYING := $(BUILD)/tests/crash/test_power $(BUILD)/tests/crash/test_power_index $(BUILD)/tests/soak/soak_power
$(filter $(LYING),$(TESTS) $(SOAKS)): $(call obj,tests/soak/lying_libc.c)

# A sanitizer brings its own allocator; the linker takes the store's calls of it.
LINK_test_memory := $(if $(SAN),-Wl$(comma)--wrap=malloc$(comma)--wrap=calloc$(comma)--wrap=realloc)

# An archive keeps members whose source is gone, so it is made anew; the list
# of members is a file so that a removed source is noticed.
define archive
$(2).members: FORCE
	@mkdir -p $$(@D)
	@echo '$(3)' | cmp -s - $$@ || echo '$(3)' >$$@

$(2): $(3) $(2).members
	@echo "  AR    $$@"
	@rm -f $$@
	@$$(AR) rcs $$@ $(3)
endef
$(eval $(call archive,store,$(LIB),$(call obj,$(STORE_SRC))))
$(eval $(call archive,support,$(SUPPORT),$(call obj,$(SUPPORT_SRC))))

LINK = @mkdir -p $(@D); echo "  LINK  $@"; \
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(BUILD)/inkfs: $(call obj,$(TOOLS_SRC)) $(LIB)
	$(LINK) $(STORE_LIBS) $(TOOL_LIBS)

$(BUILD)/mount.inkfs: $(call obj,$(MOUNT_SRC) $(DRIVER_SRC)) $(LIB)
	$(LINK) $(STORE_LIBS) $(FUSE_LIBS)

$(BENCHES): $(call obj,tests/bench/measure.c)
$(filter %fs,$(BENCHES)): $(call obj,tests/bench/serve.c)
$(BENCHES): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT) $(LIB)
	$(LINK) $(STORE_LIBS) $(if $(filter %fs,$@),$(FUSE_LIBS))

# Of the tools, what reads bytes that it has not written itself.
FUZZ_TOOLS := $(call obj,$(addprefix tools/,common.c line.c state.c text.c))
$(BUILD)/tests/fuzz/test_corpus: $(call obj,$(FUZZ_SRC)) $(FUZZ_TOOLS)

$(BUILD)/fuzz: $(call obj,$(FUZZ_DOOR) $(FUZZ_SRC)) $(FUZZ_TOOLS) $(SUPPORT) $(LIB)
	$(LINK) -fsanitize=fuzzer -lcmocka $(STORE_LIBS) $(TOOL_LIBS)

# The driver inside a test, on a disk of the test's.
$(BUILD)/obj/tests/mount/test_slow_disk.o: FLAGS = $(FLAGS_tests) -Ifs/driver
$(BUILD)/tests/mount/test_slow_disk: $(call obj,$(DRIVER_SRC))
LINK_test_slow_disk = $(FUSE_LIBS) -Wl$(comma)--wrap=read

$(TESTS): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT) $(LIB)
	$(LINK) $(LINK_$(@F)) -lcmocka $(STORE_LIBS) $(TOOL_LIBS)

$(BUILD)/tests/soak/soak_block: $(call obj,tests/bench/serve.c)
$(SOAKS): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT) $(LIB)
	$(LINK) -lcmocka $(STORE_LIBS) $(if $(filter %block,$@),$(FUSE_LIBS))

-include $(ALL_OBJ:.o=.d)
