# Makefile - builds, runs and proves dt-swarm. Settings first, then rules.

VERSION   ?= 0.1.0
CC        ?= cc
PREFIX    ?= /usr/local
LUA       ?= lua5.4
BUILD     ?= .build
WERROR    ?=
OPTIMISE  ?= -O2 -g
SANITISE  ?=

# == END OF USER SETTINGS. NO NEED TO CHANGE ANYTHING BELOW THIS LINE

PKG      := lua5.4 libsodium libcrypto libmicrohttpd
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
CPATH_   := /usr/local/lib/lua/5.4/?.so;/usr/lib/$(MULTIARCH)/lua/5.4/?.so;/usr/lib/lua/5.4/?.so
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDT_SWARM_VERSION='"$(VERSION)"' -DDT_SWARM_CPATH='"$(CPATH_)"'
CFLAGS   += -std=c11 $(OPTIMISE) $(SANITISE) $(WERROR) -fPIC -fstack-protector-strong -Wall -Wextra -Wshadow \
            -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers -MMD -MP -pthread
INCLUDE   = $(shell pkg-config --cflags $(PKG))
LIBS      = $(shell pkg-config --libs libsodium libcrypto libmicrohttpd) -pthread
LUALIB    = $(shell pkg-config --libs lua5.4)

APART    := core/http.c core/transfer.c
MODULES  := $(filter-out core/main.c $(APART),$(wildcard core/*.c))
OBJECTS  := $(MODULES:core/%.c=$(BUILD)/%.o)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-3s %s\n' $(1) $(2))

all: dt-swarm dt-swarm-cli $(BUILD)/core.so $(BUILD)/core/http.so

dt-swarm: $(BUILD)/main.o $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -Wl,-E -o $@ $^ $(LIBS) $(LUALIB) $(LDFLAGS)

dt-swarm-cli: dt-swarm
	$(Q)ln -sf dt-swarm $@

$(BUILD)/core.so: $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -shared -o $@ $^ $(LIBS) $(LDFLAGS)

$(BUILD)/core/http.so: $(APART) core/core.h core/transfer.h | $(BUILD)/core
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(INCLUDE) $(shell pkg-config --cflags libcurl) -shared -o $@ $(APART) \
	  $(shell pkg-config --libs libcurl) $(LDFLAGS)

$(BUILD)/%.o: core/%.c Makefile | $(BUILD)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(INCLUDE) -c -o $@ $<

$(BUILD) $(BUILD)/core:
	$(Q)mkdir -p $@

# Looks for what is missing, installs it, builds, runs the daemon in the foreground.
run:
	@core/need.sh run
	@$(MAKE) --no-print-directory all
	@exec ./dt-swarm $(ARGS)

test:
	@core/need.sh test
	@$(MAKE) --no-print-directory all
	@spec/net/kubo.sh >/dev/null || true
	@spec/run.sh $(SPECS)

lint:
	@core/need.sh test
	clang-format --dry-run -Werror core/*.c core/*.h $(wildcard spec/*/*.c)
	luacheck -q lua cli policies spec

clean:
	rm -rf $(BUILD) dt-swarm dt-swarm-cli

-include $(wildcard $(BUILD)/*.d)

.PHONY: all run test lint clean
