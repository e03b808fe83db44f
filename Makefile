# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# memprof: one Makefile. `make help` lists the targets; V=1 shows commands.
# Nothing here names a source file: a new .c in its folder is picked up, and
# the folder decides which library it joins and what it may include
# (docs/architecture.md, checked by tests/cli/test_layering.py).

VERSION := 0.1.0

B ?= build
V ?= 0
PREFIX ?= /usr/local
DESTDIR ?=
bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
mandir ?= $(PREFIX)/share/man
docdir ?= $(PREFIX)/share/doc/memprof
INSTALL ?= install
PKG_CONFIG ?= pkg-config
CLANG ?= $(firstword $(foreach c,clang clang-14 clang-15 clang-16 clang-19,$(shell command -v $(c) 2>/dev/null)) clang)
BPFTOOL ?= $(firstword $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)

ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

ifeq ($(V),0)
Q = @
msg = @printf '  %-8s %s\n' '$(1)' '$(2)';
else
Q =
msg =
endif

OPT ?= -O2
WARN := -Wall -Wextra
SAN ?=
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
CPPFLAGS_ALL := -D_GNU_SOURCE -DMEMPROF_VERSION='"$(VERSION)"' -I. -I$(B) $(CPPFLAGS)
CFLAGS_ALL := -std=c11 -g $(OPT) $(WARN) -fPIC -fvisibility=hidden -pthread $(SANFLAGS) $(CFLAGS)
LDFLAGS_ALL := -pthread $(SANFLAGS) $(LDFLAGS)
DEP = -MMD -MP

PKGS := libbpf libelf zlib ncursesw
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
pkg_libs = $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)

# --- sources by folder -------------------------------------------------------
GC_SRC := $(wildcard gc/*.c)
CORE_SRC := $(wildcard user/util/*.c user/model/*.c user/rec/*.c user/view/*.c user/rt/*.c)
LIVE_SRC := $(wildcard user/live/*.c)
TUI_SRC := $(wildcard tui/*.c)
CMD_SRC := $(wildcard user/cmd/*.c)
BPF_SRC := $(wildcard bpf/*.bpf.c)
EX_SRC := $(wildcard gc/examples/*.c)
WL_SRC := $(wildcard tests/workloads/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c tests/bench/gc/*.c)
TOOL_SRC := $(wildcard tests/tools/*.c)
UT_SRC := $(wildcard tests/unit/test_*.c)
GT_SRC := $(wildcard tests/gc/test_*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
GC_OBJ := $(call obj,$(GC_SRC))
CORE_OBJ := $(call obj,$(CORE_SRC))
LIVE_OBJ := $(call obj,$(LIVE_SRC))
TUI_OBJ := $(call obj,$(TUI_SRC))
CMD_OBJ := $(call obj,$(CMD_SRC))
SKEL := $(patsubst bpf/%.bpf.c,$(B)/bpf/%.skel.h,$(BPF_SRC))

EXAMPLES := $(patsubst gc/examples/%.c,$(B)/examples/%,$(EX_SRC))
WORKLOADS := $(patsubst tests/workloads/%.c,$(B)/workloads/%,$(WL_SRC))
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
TEST_TOOLS := $(patsubst tests/%.c,$(B)/tests/%,$(TOOL_SRC))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UT_SRC))
GC_TESTS := $(patsubst tests/gc/%.c,$(B)/tests/gc/%,$(GT_SRC))
MAN1 := $(wildcard docs/*.1)
MAN3 := $(wildcard docs/*.3)
MAN5 := $(wildcard docs/*.5)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps demo check check-kernels check-unit bench install clean help tools examples workloads tests \
	asan tsan fuzz-residency fuzz-gc fuzz-gc-lib mutants tidy format vmlinux deps-build deps-check deps-bench

all: $(B)/memprof $(B)/libmpgc.a $(B)/libmpgc.so examples workloads ## build everything

help: ## this list
	@printf 'Targets (B=%s, V=1 shows commands, PREFIX=%s):\n' '$(B)' '$(PREFIX)'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# --- what Debian packages are needed; quick when nothing is missing -------------
DEPS_BUILD := gcc libc6-dev pkg-config libbpf-dev libelf-dev zlib1g-dev libncurses-dev clang bpftool \
	systemtap-sdt-dev
DEPS_CHECK := libcmocka-dev python3-pytest tmux golang-go procps util-linux libjemalloc2 libmimalloc2.0 \
	libtcmalloc-minimal4 openjdk-17-jdk-headless redis-server sqlite3 postgresql-15 stress-ng \
	nodejs npm chromium
DEPS_KERNELS := qemu-system-x86 busybox-static
DEPS_BENCH := linux-perf bpftrace libgc-dev libmimalloc-dev ocaml-nox nodejs golang-go
deps: deps-build deps-check ## install what building and testing needs from Debian's packages
deps-build: ; $(Q)tools/deps.sh $(DEPS_BUILD)
deps-check:
	$(Q)tools/deps.sh $(DEPS_BUILD) $(DEPS_CHECK)
	$(Q)tools/deps.sh $(DEPS_KERNELS) || echo 'deps: no qemu: the tests on other kernels will say so' >&2
	$(Q)tools/npm.sh >/dev/null || echo 'deps: no npm packages: the tests that need them will say so' >&2
deps-bench: ; $(Q)tools/deps.sh $(DEPS_BUILD) $(DEPS_BENCH)

# --- the kernel side ----------------------------------------------------------
$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(call msg,BPF,$@)$(CLANG) -std=gnu11 -g -O2 $(WARN) -Wno-unused-parameter -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -I. -c $< -o $@

$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(call msg,SKEL,$@)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# --- libraries ------------------------------------------------------------------
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call msg,CC,$@)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(EXTRA) $(DEP) -c $< -o $@

$(LIVE_OBJ): EXTRA = $(pkg_cflags)
$(LIVE_OBJ): $(SKEL)
$(TUI_OBJ): EXTRA = $(pkg_cflags)
$(CMD_OBJ): EXTRA = $(pkg_cflags)
$(CMD_OBJ): $(SKEL)
$(B)/obj/tests/workloads/two-sites.o: EXTRA = -fno-omit-frame-pointer

define archive
	@mkdir -p $(@D)
	@rm -f $@
	$(call msg,AR,$@)$(AR) rcs $@ $^
endef
$(B)/libmpgc.a: $(GC_OBJ) ; $(archive)
$(B)/libmpcore.a: $(CORE_OBJ) ; $(archive)
$(B)/libmplive.a: $(LIVE_OBJ) ; $(archive)
$(B)/libmptui.a: $(TUI_OBJ) ; $(archive)

$(B)/libmpgc.so: $(GC_OBJ)
	$(call msg,LD,$@)$(CC) -shared -Wl,-soname,libmpgc.so.0 $(LDFLAGS_ALL) $^ -o $@
	@ln -sf libmpgc.so $(B)/libmpgc.so.0

# --- programs -------------------------------------------------------------------
$(B)/memprof: $(CMD_OBJ) $(B)/libmptui.a $(B)/libmplive.a $(B)/libmpcore.a $(B)/libmpgc.a
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(pkg_libs) -lm -o $@

examples: $(EXAMPLES)
$(B)/examples/%: $(B)/obj/gc/examples/%.o $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lm -o $@

workloads: $(WORKLOADS)
$(B)/workloads/%: $(B)/obj/tests/workloads/%.o $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lm -o $@

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/libmpcore.a $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lz -lm -o $@

$(B)/tests/tools/%: $(B)/obj/tests/tools/%.o $(B)/libmpcore.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lz -lm -o $@

# Of libmplive.a a test gets what it calls: the pure parts, which need no libbpf.
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/libmptui.a $(B)/libmplive.a $(B)/libmpcore.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(shell $(PKG_CONFIG) --libs ncursesw zlib libelf) -lcmocka -lm -o $@

$(B)/tests/gc/%: $(B)/obj/tests/gc/%.o $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lcmocka -lm -o $@

tests: $(UNIT_TESTS) $(TEST_TOOLS) $(GC_TESTS) $(filter $(B)/bench/gc/%,$(BENCHES)) workloads examples

# --- what users run --------------------------------------------------------------
demo: deps-build ## install what is missing, build, show the staged experiment
	$(Q)$(MAKE) --no-print-directory $(B)/memprof
	$(Q)$(B)/memprof demo lazy

check: deps-check ## install what is missing, build, run every test
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)tests/run

check-kernels: deps-check ## the tests on Debian's kernels 5.10, 6.1 and 6.12, emulated; part of check
	$(Q)$(MAKE) --no-print-directory all
	$(Q)MEMPROF_BUILD=$(B) tests/run tests/kernels

check-unit: tests ## the tests that need neither root nor a kernel feature
	$(Q)MEMPROF_BUILD=$(B) tests/run tests/unit tests/gc

bench: deps-bench ## measure and print the tables; writes $(B)/bench.json
	$(Q)$(MAKE) --no-print-directory all $(BENCHES)
	$(Q)tests/bench/run

asan: ## unit and collector tests under AddressSanitizer and UBSan
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan SAN=address,undefined OPT=-O1 check-unit

SECONDS ?= 60
fuzz-gc: $(B)/tests/gc/test_fuzz $(B)/tests/gc/test_fuzz_threads ## random operations on the collector, for SECONDS each
	$(Q)SECONDS=$(SECONDS) $(B)/tests/gc/test_fuzz
	$(Q)SECONDS=$(SECONDS) $(B)/tests/gc/test_fuzz_threads

fuzz-gc-lib: ## the same driven by libFuzzer: build/fuzz-gc-lib CORPUS
	@mkdir -p $(B)
	$(call msg,LD,$(B)/fuzz-gc-lib)$(CLANG) $(CPPFLAGS_ALL) -std=c11 -g -O1 -pthread -fsanitize=fuzzer,address,undefined \
		-Wno-unused-function $(GC_SRC) tests/gc/fuzz_bytes.c -lcmocka -lm -o $(B)/fuzz-gc-lib

fuzz-residency: all tests ## random memory operations for SECONDS, memprof judged by the kernel page by page
	$(Q)MEMPROF_BUILD=$(B) SECONDS=$(SECONDS) tests/bpf/fuzz_residency.py

mutants: ## puts a hundred mistakes into the collector, one at a time: a test must find each
	$(Q)tests/gc/mutants/run.py --build $(B)

tsan: ## the collector's tests under ThreadSanitizer
	$(Q)$(MAKE) --no-print-directory B=$(B)/tsan SAN=thread OPT=-O1 CFLAGS=-Wno-tsan tests
	$(Q)MEMPROF_BUILD=$(B)/tsan tests/run tests/gc

tidy: $(SKEL) ## static analysis: cppcheck and clang-tidy
	$(Q)tools/tidy.sh "-D_GNU_SOURCE -I. -isystem $(B)" $(GC_SRC) $(CORE_SRC) $(LIVE_SRC) $(TUI_SRC) $(CMD_SRC)

format: ## rewrite the sources with clang-format
	$(Q)clang-format -i $(filter-out bpf/vmlinux.h,$(shell git ls-files '*.c' '*.h'))

vmlinux: ## write the running kernel's full types to $(B)/vmlinux-full.h, for reference
	@mkdir -p $(B)
	$(Q)$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > $(B)/vmlinux-full.h

install: all ## install under PREFIX (DESTDIR is honoured)
	$(Q)$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir)/mpgc $(DESTDIR)$(docdir) \
		$(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man3 $(DESTDIR)$(mandir)/man5
	$(Q)$(INSTALL) -m 755 $(B)/memprof $(DESTDIR)$(bindir)/memprof
	$(Q)$(INSTALL) -m 644 $(B)/libmpgc.a $(DESTDIR)$(libdir)/libmpgc.a
	$(Q)$(INSTALL) -m 755 $(B)/libmpgc.so $(DESTDIR)$(libdir)/libmpgc.so.$(VERSION)
	$(Q)ln -sf libmpgc.so.$(VERSION) $(DESTDIR)$(libdir)/libmpgc.so.0
	$(Q)ln -sf libmpgc.so.0 $(DESTDIR)$(libdir)/libmpgc.so
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(libdir)|; s|@INCLUDEDIR@|$(includedir)|; s|@VERSION@|$(VERSION)|' \
		gc/mpgc.pc.in > $(DESTDIR)$(libdir)/pkgconfig/mpgc.pc
	$(Q)$(INSTALL) -m 644 gc/gc.h gc/gc_segment.h $(DESTDIR)$(includedir)/mpgc/
	$(Q)$(INSTALL) -m 644 README.md LICENSE $(wildcard docs/*.md) $(DESTDIR)$(docdir)/
	$(Q)for f in $(MAN1); do $(INSTALL) -m 644 $$f $(DESTDIR)$(mandir)/man1/; done
	$(Q)for f in $(MAN3); do $(INSTALL) -m 644 $$f $(DESTDIR)$(mandir)/man3/; done
	$(Q)for f in $(MAN5); do $(INSTALL) -m 644 $$f $(DESTDIR)$(mandir)/man5/; done

clean: ## remove the build folder
	$(Q)rm -rf $(B)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
