# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# memprof: one Makefile. `make help` lists the targets; V=1 shows commands.
# Nothing here names a source file: a new .c in its folder is picked up, and
# the folder decides which library it joins and what it may include
# (docs/architecture.md, checked by tests/cli/test_layering.py).

VERSION := 0.1.0
# libmpgc's own, by its interface: the first number is the SONAME's and changes when programs must be
# built anew. It began at 1 with the first packages (libmpgc1): what was installed before was never promised.
LIBVERSION := 1.0.0
SONAME := libmpgc.so.$(firstword $(subst ., ,$(LIBVERSION)))

B ?= build
V ?= 0
PREFIX ?= /usr/local
DESTDIR ?=
bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
# found from the program's place, ../lib/memprof: not below libdir, which may be lib/x86_64-linux-gnu
override preloaddir := $(PREFIX)/lib/memprof
includedir ?= $(PREFIX)/include
datarootdir ?= $(PREFIX)/share
datadir ?= $(datarootdir)
mandir ?= $(datarootdir)/man
docdir ?= $(datarootdir)/doc/memprof
# what the daemon reads by default, whatever the prefix
sysconfdir ?= /etc
unitdir ?= $(PREFIX)/lib/systemd/system
sysusersdir ?= $(PREFIX)/lib/sysusers.d
INSTALL ?= install
PKG_CONFIG ?= pkg-config
bashdir ?= $(or $(shell $(PKG_CONFIG) --define-variable=prefix=$(PREFIX) --variable=completionsdir bash-completion \
	2>/dev/null),$(datadir)/bash-completion/completions)
zshdir ?= $(datadir)/zsh/site-functions
fishdir ?= $(datadir)/fish/vendor_completions.d
CLANG ?= $(firstword $(foreach c,clang clang-14 clang-15 clang-16 clang-19,$(shell command -v $(c) 2>/dev/null)) clang)
BPFTOOL ?= $(firstword $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)

ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

# libbpf's header for USDT takes errno's numbers from the kernel's, which depend on the architecture
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_INC := $(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH))

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
# a double that an int cannot hold is none of UBSan's own checks, and was a hang of the screen
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	$(if $(findstring undefined,$(SAN)),-fsanitize=float-cast-overflow -fno-sanitize-recover=float-cast-overflow))
CPPFLAGS_ALL := -D_GNU_SOURCE -DMEMPROF_VERSION='"$(VERSION)"' -I. -I$(B) $(CPPFLAGS)
CFLAGS_ALL := -std=c11 -g $(OPT) $(WARN) -fPIC -fvisibility=hidden -pthread $(SANFLAGS) $(CFLAGS)
LDFLAGS_ALL := -pthread $(SANFLAGS) $(LDFLAGS)
DEP = -MMD -MP

PKGS := libbpf libelf zlib ncursesw
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
pkg_libs = $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
# A static library without a .pc file: names of C++ and Rust for people. liblzma is opened at run time.
sym_libs = -liberty -ldl

# --- sources by folder -------------------------------------------------------
GC_SRC := $(wildcard gc/*.c)
CORE_SRC := $(wildcard user/util/*.c user/model/*.c user/rec/*.c user/view/*.c user/rt/*.c user/export/*.c user/diagnose/*.c)
SYM_SRC := $(wildcard user/sym/*.c)
# the page of `export --format html`, as C: nothing but coreutils and sed makes it
HTML_ASSETS := $(addprefix user/export/html/,report.html report.css report.js vendor/LICENSE vendor/uPlot.min.css \
	vendor/uPlot.iife.min.js)
GEN_SRC := $(B)/gen/html_assets.c
LIVE_SRC := $(wildcard user/live/*.c)
TUI_SRC := $(wildcard tui/*.c)
CMD_SRC := $(wildcard user/cmd/*.c)
DAEMON_SRC := $(wildcard user/daemon/*.c)
PRELOAD_SRC := $(wildcard user/preload/node/*.c) gc/segfile.c
BPF_SRC := $(wildcard bpf/*.bpf.c)
EX_SRC := $(wildcard gc/examples/*.c)
WL_SRC := $(wildcard tests/workloads/*.c)
BENCH_SRC := $(wildcard tests/bench/*.c tests/bench/gc/*.c)
TOOL_SRC := $(wildcard tests/tools/*.c)
UT_SRC := $(wildcard tests/unit/test_*.c)
GT_SRC := $(wildcard tests/gc/test_*.c)
GOLD_SRC := $(wildcard tests/golden/test_*.c)
FZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
GC_OBJ := $(call obj,$(GC_SRC))
CORE_OBJ := $(call obj,$(CORE_SRC)) $(patsubst $(B)/gen/%.c,$(B)/obj/gen/%.o,$(GEN_SRC))
LIVE_OBJ := $(call obj,$(LIVE_SRC))
SYM_OBJ := $(call obj,$(SYM_SRC))
TUI_OBJ := $(call obj,$(TUI_SRC))
CMD_OBJ := $(call obj,$(CMD_SRC))
DAEMON_OBJ := $(call obj,$(DAEMON_SRC))
SKEL := $(patsubst bpf/%.bpf.c,$(B)/bpf/%.skel.h,$(BPF_SRC))

PRELOAD := $(B)/memprof-node.js $(B)/memprof-node.node
EXAMPLES := $(patsubst gc/examples/%.c,$(B)/examples/%,$(EX_SRC))
WORKLOADS := $(patsubst tests/workloads/%.c,$(B)/workloads/%,$(WL_SRC))
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
TEST_TOOLS := $(patsubst tests/%.c,$(B)/tests/%,$(TOOL_SRC))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UT_SRC))
GOLD_TESTS := $(patsubst tests/golden/%.c,$(B)/tests/golden/%,$(GOLD_SRC))
GC_TESTS := $(patsubst tests/gc/%.c,$(B)/tests/gc/%,$(GT_SRC))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(FZ_SRC))
MAN1 := $(wildcard docs/*.1)
MAN3 := $(wildcard docs/*.3)
MAN5 := $(wildcard docs/*.5)
MAN8 := $(wildcard docs/*.8)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all programs deps demo check check-kernels check-perfetto check-runtimes check-diagnose runtimes check-unit bench screens install uninstall deb clean help tools examples workloads tests \
	asan tsan soak soak-daemon golden fuzz fuzzers fuzz-residency fuzz-gc fuzz-gc-lib mutants tidy format vmlinux deps-build deps-check deps-bench

all: programs examples workloads ## build everything

programs: $(B)/memprof $(B)/libmpgc.a $(B)/libmpgc.so $(PRELOAD)

help: ## this list
	@printf 'Targets (B=%s, V=1 shows commands, PREFIX=%s):\n' '$(B)' '$(PREFIX)'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# --- what Debian packages are needed; quick when nothing is missing -------------
DEPS_BUILD := gcc libc6-dev pkg-config libbpf-dev libelf-dev zlib1g-dev libncurses-dev clang bpftool \
	systemtap-sdt-dev libiberty-dev
DEPS_CHECK := libcmocka-dev python3-pytest python3-pytest-xdist tmux golang-go procps util-linux libjemalloc2 libmimalloc2.0 \
	libtcmalloc-minimal4 openjdk-17-jdk-headless redis-server nginx-light apache2-utils sqlite3 postgresql-15 stress-ng \
	nodejs npm ruby chromium protobuf-compiler prometheus python3-jsonschema python3-yaml bash-completion zsh fish systemd \
	debhelper dpkg-dev lintian debootstrap libcap2-bin prometheus-node-exporter rclone curl
DEPS_DEB := debhelper dpkg-dev libcmocka-dev python3-pytest
DEPS_KERNELS := qemu-system-x86 busybox-static
DEPS_RUNTIMES := npm patchelf
DEPS_BENCH := linux-perf bpftrace libgc-dev libmimalloc-dev ocaml-nox nodejs golang-go openjdk-17-jdk-headless
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
	$(call msg,BPF,$@)$(CLANG) -std=gnu11 -g -O2 $(WARN) -Wno-unused-parameter -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -I. $(BPF_INC) -c $< -o $@

$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(call msg,SKEL,$@)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(B)/gen/html_assets.c: tools/embed.sh $(HTML_ASSETS)
	@mkdir -p $(@D)
	$(call msg,GEN,$@)tools/embed.sh $(HTML_ASSETS) > $@

# --- libraries ------------------------------------------------------------------
$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call msg,CC,$@)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(EXTRA) $(DEP) -c $< -o $@

# What every event passes through: some 8 % faster.
HOT_OPT ?= $(patsubst -O2,-O3,$(OPT))
$(call obj,$(wildcard user/model/*.c user/rec/*.c)): EXTRA = $(HOT_OPT)

$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(call msg,CC,$@)$(CC) $(CFLAGS_ALL) $(DEP) -c $< -o $@

$(LIVE_OBJ): EXTRA = $(pkg_cflags)
$(DAEMON_OBJ): EXTRA = $(pkg_cflags)
$(SYM_OBJ): EXTRA = $(pkg_cflags)
$(LIVE_OBJ): $(SKEL)
$(TUI_OBJ): EXTRA = $(pkg_cflags)
$(CMD_OBJ): EXTRA = $(pkg_cflags)
$(CMD_OBJ): $(SKEL)
$(B)/obj/tests/workloads/two-sites.o $(B)/obj/tests/workloads/many-stacks.o: EXTRA = -fno-omit-frame-pointer

define archive
	@mkdir -p $(@D)
	@rm -f $@
	$(call msg,AR,$@)$(AR) rcs $@ $^
endef
$(B)/libmpgc.a: $(GC_OBJ) ; $(archive)
$(B)/libmpcore.a: $(CORE_OBJ) ; $(archive)
$(B)/libmplive.a: $(LIVE_OBJ) ; $(archive)
$(B)/libmpsym.a: $(SYM_OBJ) ; $(archive)
$(B)/libmpdaemon.a: $(DAEMON_OBJ) ; $(archive)
$(B)/libmptui.a: $(TUI_OBJ) ; $(archive)

$(B)/libmpgc.so: $(GC_OBJ) Makefile
	$(call msg,LD,$@)$(CC) -shared -Wl,-soname,$(SONAME) $(LDFLAGS_ALL) $(GC_OBJ) -o $@
	@ln -sf libmpgc.so $(B)/$(SONAME)

# What a Node process loads. Its functions of Node-API are in the node that loads it, or in libnode; it
# stays where it is once loaded (nodelete): a thread that ends must not take it from the others.
$(B)/memprof-node.node: $(call obj,$(PRELOAD_SRC))
	$(call msg,LD,$@)$(CC) -shared -Wl,-z,nodelete $(LDFLAGS_ALL) $^ -o $@

$(B)/memprof-node.js: user/preload/node/memprof-node.js
	@mkdir -p $(@D)
	$(call msg,COPY,$@)cp $< $@

# --- programs -------------------------------------------------------------------
$(B)/memprof: $(CMD_OBJ) $(B)/libmptui.a $(B)/libmpdaemon.a $(B)/libmplive.a $(B)/libmpsym.a $(B)/libmpcore.a $(B)/libmpgc.a
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(sym_libs) $(pkg_libs) -lm -o $@

examples: $(EXAMPLES)
$(B)/examples/%: $(B)/obj/gc/examples/%.o $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lm -o $@

workloads: $(WORKLOADS)
$(B)/workloads/%: $(B)/obj/tests/workloads/%.o $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lm -o $@

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/libmptui.a $(B)/libmpcore.a $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lz -lm -o $@

$(B)/tests/tools/%: $(B)/obj/tests/tools/%.o $(B)/libmptui.a $(B)/libmpdaemon.a $(B)/libmplive.a $(B)/libmpsym.a $(B)/libmpcore.a $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(sym_libs) $(pkg_libs) -lm -o $@

# Of libmplive.a a test gets what it calls: the pure parts, which need no libbpf.
define link_unit
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(sym_libs) $(shell $(PKG_CONFIG) --libs ncursesw zlib libelf) -lcmocka -lm -o $@
endef
UNIT_LIBS := $(B)/libmptui.a $(B)/libmpdaemon.a $(B)/libmplive.a $(B)/libmpsym.a $(B)/libmpcore.a
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(UNIT_LIBS) ; $(link_unit)
$(B)/tests/golden/%: $(B)/obj/tests/golden/%.o $(UNIT_LIBS) ; $(link_unit)

$(B)/tests/gc/%: $(B)/obj/tests/gc/%.o $(B)/libmpgc.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ -lcmocka -lm -o $@

# A fuzz target and what gives it its inputs: the files of its corpus, or (make fuzz) libFuzzer.
FUZZ_MAIN ?= $(B)/obj/tests/fuzz/main.o
$(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(FUZZ_MAIN) $(B)/libmptui.a $(B)/libmpdaemon.a $(B)/libmplive.a $(B)/libmpsym.a $(B)/libmpcore.a
	@mkdir -p $(@D)
	$(call msg,LD,$@)$(CC) $(LDFLAGS_ALL) $^ $(sym_libs) $(pkg_libs) -lm -o $@
fuzzers: $(FUZZERS)

tests: $(UNIT_TESTS) $(GOLD_TESTS) $(FUZZERS) $(TEST_TOOLS) $(GC_TESTS) $(filter $(B)/bench/gc/%,$(BENCHES)) workloads examples

# --- what users run --------------------------------------------------------------
demo: deps-build ## install what is missing, build, show the staged experiment
	$(Q)$(MAKE) --no-print-directory $(B)/memprof
	$(Q)$(B)/memprof demo lazy

check: deps-check ## install what is missing, build, run every test
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) all tests
	$(Q)tests/run

check-kernels: deps-check ## the tests on Debian's kernels 5.10, 6.1 and 6.12, emulated; part of check
	$(Q)$(MAKE) --no-print-directory all
	$(Q)MEMPROF_BUILD=$(B) tests/run tests/kernels

RUNTIMES = $(or $(MEMPROF_RUNTIMES),$(B)/runtimes)
runtimes: ## fetch the versions of Node, Go, Java, Python and Ruby that check-runtimes uses, 5 GB
	$(Q)tools/deps.sh $(DEPS_RUNTIMES)
	$(Q)MEMPROF_RUNTIMES=$(RUNTIMES) tools/runtimes.sh

check-runtimes: deps-check ## the tests of runtimes over every version that `make runtimes` fetched
	$(Q)$(MAKE) --no-print-directory all
	$(Q)MEMPROF_BUILD=$(B) MEMPROF_RUNTIMES=$(abspath $(RUNTIMES)) tests/run tests/runtimes

check-diagnose: deps-check ## the confusion matrix of the diagnosis: every scenario recorded and diagnosed; part of check
	$(Q)$(MAKE) --no-print-directory all
	$(Q)MEMPROF_BUILD=$(B) tests/run tests/bpf/test_diagnose_matrix.py

check-perfetto: deps-check ## exported traces against the whole schema of Perfetto's sources, from Debian's source package
	$(Q)$(MAKE) --no-print-directory all
	$(Q)rm -f $(B)/check-perfetto.mprof
	$(Q)$(B)/memprof demo lazy --plain -q -o $(B)/check-perfetto.mprof >/dev/null
	$(Q)proto=$$(tools/perfetto-protos.sh $(B)/perfetto) && tests/export/full_schema.sh $(B)/memprof $$proto $(B)/check-perfetto.mprof

check-unit: tests ## the tests that need neither root nor a kernel feature
	$(Q)MEMPROF_BUILD=$(B) tests/run tests/unit tests/golden tests/gc

screens: all ## draw the screens in docs/tour.md and README.md and the keys in memprof(1) anew
	$(Q)MEMPROF_BUILD=$(B) /usr/bin/python3 tests/tools/screens.py draw

bench: deps-bench ## measure and print the tables; writes $(B)/bench.json
	$(Q)$(MAKE) --no-print-directory all $(BENCHES) $(TEST_TOOLS)
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

fuzz: ## libFuzzer under ASan and UBSan on every parser, SECONDS each; finds go to $(B)/fuzz/found
	$(Q)$(MAKE) --no-print-directory B=$(B)/fuzz CC=$(CLANG) SAN=fuzzer-no-link,address,undefined OPT=-O1 \
		FUZZ_MAIN= LDFLAGS=-fsanitize=fuzzer fuzzers
	$(Q)tests/fuzz/run $(B)/fuzz $(SECONDS)

fuzz-residency: all tests ## random memory operations for SECONDS, memprof judged by the kernel page by page
	$(Q)MEMPROF_BUILD=$(B) SECONDS=$(SECONDS) tests/bpf/fuzz_residency.py

golden: $(B)/tests/golden/test_tui_golden ## write the pictures of tests/golden anew, after a change of the screen that is meant
	$(Q)rm -f tests/golden/*.txt
	$(Q)$(B)/tests/golden/test_tui_golden --write

soak: SECONDS = 3600
soak: ## random keys, mouse and sizes on the screen for SECONDS, an hour, under ASan and UBSan
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan SAN=address,undefined OPT=-O1 $(B)/asan/tests/tools/soak_tui
	$(Q)nice -n 10 $(B)/asan/tests/tools/soak_tui both $(SECONDS)

soak-daemon: SECONDS = 3600
soak-daemon: ## the daemon with 200 targets and a thousand starts a minute for SECONDS, an hour, under ASan and UBSan; as root
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan SAN=address,undefined OPT=-O1 $(B)/asan/memprof
	$(Q)MEMPROF_BUILD=$(B)/asan PYTHONPATH=tests:tests/bpf nice -n 10 /usr/bin/python3 tests/bpf/soak_daemon.py $(SECONDS)

mutants: ## puts a hundred mistakes into the collector, one at a time: a test must find each
	$(Q)tests/gc/mutants/run.py --build $(B)

tsan: ## the collector's tests under ThreadSanitizer
	$(Q)$(MAKE) --no-print-directory B=$(B)/tsan SAN=thread OPT=-O1 CFLAGS=-Wno-tsan tests
	$(Q)MEMPROF_BUILD=$(B)/tsan tests/run tests/gc

tidy: $(SKEL) ## static analysis: cppcheck and clang-tidy
	$(Q)tools/tidy.sh "-D_GNU_SOURCE -I. -isystem $(B)" $(GC_SRC) $(CORE_SRC) $(SYM_SRC) $(LIVE_SRC) $(TUI_SRC) $(DAEMON_SRC) $(CMD_SRC) $(PRELOAD_SRC)

format: ## rewrite the sources with clang-format
	$(Q)clang-format -i $(filter-out bpf/vmlinux.h,$(shell git ls-files '*.c' '*.h'))

vmlinux: ## write the running kernel's full types to $(B)/vmlinux-full.h, for reference
	@mkdir -p $(B)
	$(Q)$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > $(B)/vmlinux-full.h

# --- installation ----------------------------------------------------------------
COMPLETIONS := $(B)/share/bash/memprof $(B)/share/zsh/_memprof $(B)/share/fish/memprof.fish
$(COMPLETIONS): $(B)/memprof
	@mkdir -p $(@D)
	$(call msg,GEN,$@)$(B)/memprof completion $(notdir $(@D)) > $@

$(B)/share/memprof.conf: $(B)/memprof
	@mkdir -p $(@D)
	$(call msg,GEN,$@)$(B)/memprof daemon --defaults > $@

# Made at each installation: the folders may be others than the last time.
placed = $(Q)mkdir -p $(B)/share && sed -e 's|@PREFIX@|$(PREFIX)|; s|@BINDIR@|$(bindir)|; s|@LIBDIR@|$(libdir)|' \
	-e 's|@INCLUDEDIR@|$(includedir)|; s|@SYSCONFDIR@|$(sysconfdir)|; s|@VERSION@|$(VERSION)|'
.PHONY: placed
placed:
	$(placed) share/systemd/memprof.service.in > $(B)/share/memprof.service
	$(placed) gc/mpgc.pc.in > $(B)/share/mpgc.pc

# FILE:FOLDER of all that is neither a program nor a library, for install and uninstall
into = $(addsuffix :$(strip $(1)),$(2))
DATA = $(call into,$(preloaddir),$(PRELOAD)) $(call into,$(libdir)/pkgconfig,$(B)/share/mpgc.pc) \
	$(call into,$(includedir)/mpgc,gc/gc.h gc/gc_segment.h) \
	$(call into,$(docdir),README.md LICENSE $(wildcard docs/*.md)) $(call into,$(docdir)/tour,$(wildcard docs/tour/*.mprof)) \
	$(call into,$(mandir)/man1,$(MAN1)) $(call into,$(mandir)/man3,$(MAN3)) $(call into,$(mandir)/man5,$(MAN5)) \
	$(call into,$(mandir)/man8,$(MAN8)) \
	$(call into,$(bashdir),$(filter %/bash/memprof,$(COMPLETIONS))) $(call into,$(zshdir),$(filter %/_memprof,$(COMPLETIONS))) \
	$(call into,$(fishdir),$(filter %.fish,$(COMPLETIONS))) \
	$(call into,$(unitdir),$(B)/share/memprof.service) $(call into,$(sysusersdir),share/sysusers.d/memprof.conf) \
	$(foreach d,prometheus grafana kubernetes,$(call into,$(datadir)/memprof/$(d),$(wildcard share/$(d)/*)))
CONFIG = $(DESTDIR)$(sysconfdir)/memprof/memprof.conf
LIBRARY = $(DESTDIR)$(libdir)/libmpgc.so

install: programs $(COMPLETIONS) $(B)/share/memprof.conf placed ## install under PREFIX (DESTDIR is honoured); an existing config stays
	$(Q)$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir) $(dir $(CONFIG))
	$(Q)$(INSTALL) -m 755 $(B)/memprof $(DESTDIR)$(bindir)/memprof
	$(Q)$(INSTALL) -m 644 $(B)/libmpgc.a $(DESTDIR)$(libdir)/libmpgc.a
	$(Q)$(INSTALL) -m 644 $(B)/libmpgc.so $(LIBRARY).$(LIBVERSION)
	$(Q)ln -sf libmpgc.so.$(LIBVERSION) $(DESTDIR)$(libdir)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(LIBRARY)
	$(Q)set -e; for f in $(DATA); do \
		$(INSTALL) -D -m 644 "$${f%%:*}" "$(DESTDIR)$${f#*:}/$$(basename "$${f%%:*}")"; done
	$(Q)[ -e $(CONFIG) ] || $(INSTALL) -m 644 $(B)/share/memprof.conf $(CONFIG)

INSTALLED = $(bindir)/memprof $(libdir)/libmpgc.a $(libdir)/libmpgc.so $(libdir)/$(SONAME) $(libdir)/libmpgc.so.$(LIBVERSION) \
	$(foreach f,$(DATA),$(lastword $(subst :, ,$(f)))/$(notdir $(firstword $(subst :, ,$(f)))))
# Removed when nothing is left in them: they may be somebody else's as well.
OWN_DIRS = $(preloaddir) $(includedir)/mpgc $(docdir)/tour $(docdir) $(sysconfdir)/memprof \
	$(addprefix $(datadir)/memprof/,prometheus grafana kubernetes) $(datadir)/memprof
uninstall: ## remove what install put there, under the same PREFIX and DESTDIR; a config that was changed stays
	$(Q)[ ! -x $(DESTDIR)$(bindir)/memprof ] || [ ! -e $(CONFIG) ] || \
		if $(DESTDIR)$(bindir)/memprof daemon --defaults | cmp -s - $(CONFIG); then rm -f $(CONFIG); \
		else echo "kept, it was changed: $(CONFIG)" >&2; fi
	$(Q)rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	$(Q)for d in $(OWN_DIRS); do [ ! -d "$(DESTDIR)$$d" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$d"; done

deb: ## Debian packages in $(B)/deb: memprof, libmpgc1, libmpgc-dev
	$(Q)tools/deps.sh $(DEPS_BUILD) $(DEPS_DEB)
	$(Q)tools/deb.sh $(B)/deb

clean: ## remove the build folder
	$(Q)rm -rf $(B)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
