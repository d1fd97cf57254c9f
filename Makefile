# Makefile - builds, runs and proves dt-swarm. Settings first, then rules.

VERSION   ?= 0.1.0
CC        ?= cc
PREFIX    ?= /usr/local
LUA       ?= lua5.4
BUILD     ?= .build
WERROR    ?=
OPTIMISE  ?= -O2 -g
SANITISE  ?=
JOBS      ?= $(shell nproc 2>/dev/null || echo 1)

# == END OF USER SETTINGS. NO NEED TO CHANGE ANYTHING BELOW THIS LINE

PKG      := lua5.4 libsodium libcrypto libmicrohttpd sqlite3
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
CPATH_   := /usr/local/lib/lua/5.4/?.so;/usr/lib/$(MULTIARCH)/lua/5.4/?.so;/usr/lib/lua/5.4/?.so
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDT_SWARM_VERSION='"$(VERSION)"' -DDT_SWARM_CPATH='"$(CPATH_)"'
CFLAGS   += -std=c11 $(OPTIMISE) $(SANITISE) $(WERROR) -fPIC -fstack-protector-strong -Wall -Wextra -Wshadow \
            -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers -MMD -MP -pthread \
            -ffile-prefix-map='$(CURDIR)=.'
INCLUDE   = -Icore $(shell pkg-config --cflags $(PKG))
LIBS      = $(shell pkg-config --libs $(filter-out lua5.4,$(PKG))) -pthread
LUALIB    = $(shell pkg-config --libs lua5.4)

# What is no part of the binary: libcurl's side of HTTP, the disk that forgets, what only specs call (spec/core/spec.c).
HTTP     := core/http/dial.c core/http/http.c core/http/transfer.c
SIM      := $(wildcard core/sim/*.c)
MODULES  := $(filter-out core/main.c $(HTTP) $(SIM),$(wildcard core/*.c core/*/*.c))
OBJECTS  := $(MODULES:core/%.c=$(BUILD)/%.o)
SHARED   := $(BUILD)/core.so $(BUILD)/core/http.so $(BUILD)/core/sim.so $(BUILD)/core/spec.so

# The earliest time that a clock may show, Unix seconds. What make calls from here need not look again.
BUILT    := $(shell SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' core/built.sh)
$(if $(BUILT),,$(error core/built.sh knows no date for the build))
export SOURCE_DATE_EPOCH := $(BUILT)

Q = $(if $(V),,@)

TOOLS    := $(BUILD)/wire $(BUILD)/flood $(BUILD)/reno.so $(BUILD)/board.so
PARTS    := dt-swarm dt-swarm-cli $(SHARED)

# One line for the compiler's work, each command with V=1.
all:
	@n=$$($(MAKE) -n --no-print-directory V=1 parts | grep -c -- ' -c -o '); start=$$(date +%s); \
	[ $$n = 0 ] || printf '  CC  core/*/*.c   %d file%s' $$n $$([ $$n = 1 ] || echo s); \
	$(MAKE) $(if $(V),,-s) --no-print-directory $(if $(findstring j,$(firstword -$(MAKEFLAGS))),,-j$(JOBS)) parts \
	&& { [ $$n = 0 ] || echo ", $$(( $$(date +%s) - start )) s"; }

parts: $(PARTS)

dt-swarm: $(BUILD)/main.o $(OBJECTS)
	$(Q)$(CC) $(CFLAGS) -Wl,-E -o $@ $^ $(LIBS) $(LUALIB) $(LDFLAGS)

dt-swarm-cli: dt-swarm
	$(Q)ln -sf dt-swarm $@

$(BUILD)/core.so: $(OBJECTS)
	$(Q)$(CC) $(CFLAGS) -shared -o $@ $^ $(LIBS) $(LDFLAGS)

$(BUILD)/core/http.so: $(HTTP:core/%.c=$(BUILD)/%.o)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -o $@ $^ $(shell pkg-config --libs libcurl) $(LDFLAGS)

$(HTTP:core/%.c=$(BUILD)/%.o): INCLUDE += $(shell pkg-config --cflags libcurl)

$(BUILD)/core/sim.so: $(SIM:core/%.c=$(BUILD)/%.o)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS)

# A mark with date and version in its name: with others it is not there, and what knows them is made anew.
MARK     := $(BUILD)/built-$(BUILT)-$(VERSION)
$(BUILD)/core.o $(BUILD)/http/transfer.o: $(MARK)
$(BUILD)/core.o: CPPFLAGS += -DDT_SWARM_BUILT=$(BUILT)
$(MARK):
	$(Q)mkdir -p $(@D) && rm -f $(BUILD)/built-* && touch $@

$(BUILD)/core/spec.so: spec/core/spec.c $(wildcard core/*.h core/*/*.h) Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) $(INCLUDE) -shared -o $@ $< $(LDFLAGS)

$(BUILD)/%.o: core/%.c Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(INCLUDE) -c -o $@ $<

# Tools of specs: hosts on a bad link, and a kernel without bbr.
$(BUILD)/wire: spec/net/wire.c spec/net/wire_command.c spec/net/wire.h Makefile | $(BUILD)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) -o $@ spec/net/wire.c spec/net/wire_command.c $(LDFLAGS)

# A fast sender of datagrams, for specs.
$(BUILD)/flood: spec/net/flood.c Makefile | $(BUILD)
	$(Q)$(CC) -D_GNU_SOURCE $(filter-out -MMD -MP,$(CFLAGS)) -o $@ $<

$(BUILD)/reno.so $(BUILD)/board.so: $(BUILD)/%.so: spec/net/%.c Makefile | $(BUILD)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -MMD -MP $(SANITISE),$(CFLAGS)) -shared -o $@ $< $(LDFLAGS)

$(BUILD):
	$(Q)mkdir -p $@

# Looks for what is missing, installs it, builds, runs the daemon in the foreground.
run:
	@core/need.sh run
	@$(MAKE) --no-print-directory all
	@exec ./dt-swarm $(ARGS)

test:
	@core/need.sh test
	@$(MAKE) --no-print-directory all $(TOOLS)
	@spec/net/kubo.sh >/dev/null || true
	@spec/net/js.sh >/dev/null || true
	@spec/net/servers.sh >/dev/null || true
	@spec/run.sh $(SPECS)

lint:
	@core/need.sh test
	clang-format --dry-run -Werror $(wildcard core/*.[ch] core/*/*.[ch] spec/*/*.[ch])
	luacheck -q lua cli policies spec

# The same specs at full counts, and those that take their counts from the environment.
soak: all $(TOOLS)
	@DT_SWARM_SOAK=1 DT_SWARM_CRASH_IMAGES=$${DT_SWARM_CRASH_IMAGES:-20000} SPEC_TIMEOUT=7200 spec/run.sh $(SPECS)
	@$(MAKE) -k --no-print-directory -f spec/fuzz/Makefile run FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600)

# Fuzzers of every parser of foreign bytes, one after the other (clang). FUZZERS='json text' picks some.
fuzz: all
	@$(MAKE) -k --no-print-directory -f spec/fuzz/Makefile run FUZZ_SECONDS=$(or $(FUZZ_SECONDS),10)

# Figures with the peer beside each; what needs a tool that is not here says so.
bench: all
	@spec/bench/run.sh $(BENCH)

# Each defect in spec/mutants must turn the spec red that it names. MUTANTS='journal_*' picks some.
mutants: all
	@set -f; spec/mutants/run.sh $(MUTANTS)

# The core's specs on a core with address and undefined-behaviour sanitisers, in .asan/.
asan:
	@$(MAKE) -s --no-print-directory BUILD=.asan OPTIMISE='-O1 -g' \
	  SANITISE='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' \
	  $(SHARED:$(BUILD)/%=.asan/%)
	@DT_SWARM_BUILD=.asan LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 spec/run.sh $(or $(SPECS),$(wildcard spec/core/*_spec.lua spec/crash/*_spec.lua spec/fuzz_spec.lua))

# What the program makes of its tables of commands, options, settings and words: manual pages, completion.
PAGES    := $(addprefix $(BUILD)/,man/dt-swarm.8 man/dt-swarm-cli.1 man/dt-swarm-policy.5 man/dt-swarm-lab.7 \
            man/dt-swarm-channels.7 man/dt-swarm-plan.5 \
            completion/bash/dt-swarm completion/bash/dt-swarm-cli completion/zsh/_dt-swarm-cli)
PAGE      = $(Q)mkdir -p $(@D) && ./dt-swarm-cli page $(1) > $@ || { rm -f $@; exit 1; }

pages: $(PAGES)
$(PAGES): dt-swarm dt-swarm-cli $(wildcard cli/*.lua cli/*/*.lua lua/*.lua lua/policy/*.lua)
$(BUILD)/man/%:
	$(call PAGE,$*)
$(BUILD)/completion/bash/%:
	$(call PAGE,bash)
$(BUILD)/completion/zsh/%:
	$(call PAGE,zsh)

# Units for systemd are among it; the list of what was put stands in PREFIX/share/dt-swarm/installed.
install: all pages
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' BUILD='$(BUILD)' core/service/install.sh install

# Handlers of updates, which become root by sudo; HANDLERS='deb' picks some.
install-handlers:
	@DESTDIR='$(DESTDIR)' policies/handlers/install.sh $(HANDLERS)

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' BUILD='$(BUILD)' core/service/install.sh uninstall

# What the rockspec asks for; PREFIX is the folder that luarocks gives this rock.
rock: all pages
	@DESTDIR= PREFIX='$(PREFIX)/tree' BUILD='$(BUILD)' core/service/install.sh rock

# A package for Debian, from the same sources always the same bytes.
deb: all pages
	@BUILD='$(BUILD)' VERSION='$(VERSION)' core/service/deb.sh

clean:
	rm -rf $(BUILD) .asan dt-swarm dt-swarm-cli

help:
	@sed -n 's/^#: //p' Makefile

#: make            builds dt-swarm and dt-swarm-cli
#: make run        installs what is missing, builds, runs the daemon (ARGS='--name ada my.lua')
#: make test       all specs, or SPECS='spec/core/text_spec.lua …'
#: make lint       clang-format and luacheck
#: make bench      figures beside their peers, or BENCH='records hash'
#: make mutants    defects that specs must catch, or MUTANTS='journal_*'
#: make asan       the core's specs with address and undefined-behaviour sanitisers
#: make fuzz       each parser of foreign bytes fuzzed for FUZZ_SECONDS=10 (clang), or FUZZERS='json text'
#: make soak       the specs at full counts, ten minutes of each fuzzer
#: make install    into PREFIX (/usr/local) below DESTDIR; uninstall takes it out
#: make install-handlers  the handlers deb and docker of updates into /etc, or HANDLERS='deb'
#: make deb        the package .build/dt-swarm_VERSION_ARCH.deb for Debian 12
#: make clean      removes what was built
#: V=1 shows each command, BUILD=DIR builds elsewhere, JOBS=N compiles N files at a time

-include $(BUILD)/main.d $(OBJECTS:.o=.d) $(HTTP:core/%.c=$(BUILD)/%.d) $(SIM:core/%.c=$(BUILD)/%.d)

.PHONY: all parts pages run test lint fuzz soak bench mutants asan install install-handlers uninstall rock deb clean help
