/* main.c - dt-swarm and dt-swarm-cli: one Lua state, one file run protected. No logic of
 * its own. */
#include "core.h"
#include "heap/heap.h"
#include <lualib.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <libgen.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define COMMAND "dt-swarm-cli"

typedef struct {
  const char *name; /* "dt-swarm" or "dt-swarm-cli", from argv[0] */
  char root[PATH_MAX];
  char lib[PATH_MAX];
  int argc;
  char **argv;
  int status, at_once;
} start;

static size_t allocated; /* bytes that the Lua state holds */

static void *counting_allocator(void *unused, void *block, size_t old, size_t new) {
  void *result;
  (void)unused;
  old = block ? old : 0;
  result = heap_resize(block, old, new);
  if (result || !new)
    allocated += new - old;
  return result;
}

static int main_memory(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)allocated);
  return 1;
}

/* (fd) -> columns and lines of the terminal there (0 where it does not say), or nil for
 * no terminal
 */
static int main_columns(lua_State *L) {
  struct winsize size = {0};
  int fd = (int)luaL_checkinteger(L, 1);
  if (!isatty(fd))
    return 0;
  (void)ioctl(fd, TIOCGWINSZ, &size);
  lua_pushinteger(L, size.ws_col);
  lua_pushinteger(L, size.ws_row);
  return 2;
}

static int restore_terminal(lua_State *L) {
  int fd = (int)lua_tointeger(L, lua_upvalueindex(1));
  (void)tcsetattr(fd, TCSADRAIN, lua_touserdata(L, lua_upvalueindex(2)));
  return 0;
}

/* (fd) -> a function that sets the terminal there back to how it is now, or nil for no
 * terminal. Whoever edits lines has it otherwise, and may be left half-way. */
static int main_keep_terminal(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  struct termios *kept = lua_newuserdatauv(L, sizeof *kept, 0);
  if (tcgetattr(fd, kept) < 0)
    return 0;
  lua_pushinteger(L, fd);
  lua_insert(L, -2);
  lua_pushcclosure(L, restore_terminal, 2);
  return 1;
}

/* (yes): from here on what asks us to end waits in the kernel, over a new start in this
 * process, too; (no): it comes. */
static int main_hold(lua_State *L) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(lua_toboolean(L, 1) ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
  return 0;
}

/* What is open stays here: the program that takes our place opens its own. */
static void close_all_on_exec(void) {
  DIR *folder = opendir("/proc/self/fd");
  const struct dirent *each;
  while (folder && (each = readdir(folder))) {
    int fd = atoi(each->d_name);
    if (fd > STDERR_FILENO)
      (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  if (folder)
    closedir(folder);
}

/* The program's file as it is now, since an update may have put another in its place;
 * where there is none, the one that runs. */
static const char *find_program(char *path, size_t size) {
  static const char gone[] = " (deleted)";
  ssize_t n = readlink("/proc/self/exe", path, size - 1);
  if (n < 0)
    return "/proc/self/exe";
  path[n] = 0;
  if ((size_t)n >= sizeof gone && strcmp(path + n - sizeof gone + 1, gone) == 0)
    path[(size_t)n - sizeof gone + 1] = 0;
  return access(path, X_OK) == 0 ? path : "/proc/self/exe";
}

/* () -> nil, text, word. Runs the program anew in this very process, with the same
 * arguments and environment. It returns only where that failed. */
static int main_again(lua_State *L) {
  const start *s = lua_touserdata(L, lua_upvalueindex(1));
  char path[PATH_MAX];
  const char *program = find_program(path, sizeof path);
  fflush(NULL);
  close_all_on_exec();
  (void)execv(program, s->argv);
  return core_fail_errno(L, errno, program);
}

/* A source tree has lua/ beside the binary; an installed one PREFIX/share/dt-swarm. */
static void find_root(start *s) {
  char self[PATH_MAX] = {0}, probe[PATH_MAX + 32];
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
    strcpy(self, "./dt-swarm");
  dirname(self);
  snprintf(probe, sizeof probe, "%s/lua/main.lua", self);
  if (access(probe, R_OK) == 0) {
    snprintf(s->root, sizeof s->root, "%s", self);
    snprintf(s->lib, sizeof s->lib, "%.4000s/.build", self);
    return;
  }
  dirname(self);
  snprintf(s->root, sizeof s->root, "%.4000s/share/dt-swarm", self);
  snprintf(s->lib, sizeof s->lib, "%.4000s/lib/dt-swarm", self);
}

/* package.path names our own tree first; relative entries are left out, so that nobody is
 * run from the folder he happens to stand in. */
static void set_paths(lua_State *L, const start *s) {
  static const char *const system_path =
      "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;"
      "/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua";
  static const char *const system_cpath = DT_SWARM_CPATH;
  lua_getglobal(L, "package");
  lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;%s/?/init.lua;%s", s->root,
                  s->root, s->root, s->root, system_path);
  lua_setfield(L, -2, "path");
  lua_pushfstring(L, "%s/?.so;%s", s->lib, system_cpath);
  lua_setfield(L, -2, "cpath");
  lua_pop(L, 1);
}

static void set_arguments(lua_State *L, const start *s) {
  lua_createtable(L, s->argc, 1);
  for (int i = 0; i < s->argc; i++) {
    lua_pushstring(L, s->argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_pushstring(L, s->root);
  lua_setfield(L, -2, "root");
  lua_pushcfunction(L, main_memory);
  lua_setfield(L, -2, "memory");
  lua_pushcfunction(L, main_columns);
  lua_setfield(L, -2, "columns");
  lua_pushcfunction(L, main_keep_terminal);
  lua_setfield(L, -2, "keep_terminal");
  lua_pushcfunction(L, main_hold);
  lua_setfield(L, -2, "hold");
  lua_pushlightuserdata(L, (void *)s);
  lua_pushcclosure(L, main_again, 1);
  lua_setfield(L, -2, "again");
  lua_setglobal(L, "arg");
}

static int traceback(lua_State *L) {
  luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1;
}

static int pmain(lua_State *L) {
  start *s = lua_touserdata(L, 1);
  luaL_openlibs(L);
  set_paths(L, s);
  luaL_requiref(L, "core", luaopen_core, 0);
  lua_settop(L, 0);
  set_arguments(L, s);
  lua_getglobal(L, "require");
  lua_pushstring(L, strcmp(s->name, COMMAND) == 0 ? "cli" : "main");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_getglobal(L, "arg");
  lua_call(L, 1, 2);
  s->status = (int)luaL_optinteger(L, -2, 0);
  s->at_once = lua_toboolean(L, -1);
  return 0;
}

/* The daemon: one heap for all threads, what is large apart, and the end of it given back
 * soon. A command is gone soon, and blocks of 1 MiB pass through it: fresh pages for each
 * would take longer than hashing them. */
static void set_heap(const char *name) {
#ifdef __GLIBC__
  if (strcmp(name, COMMAND) == 0) {
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 32 << 20);
    return;
  }
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024);
#endif
}

/* Where the three of them are closed, a socket would take their numbers: it would get our
 * output, and libuv ends the process at that. */
static void hold_standard_files(void) {
  int fd;
  do
    fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close(fd);
}

int main(int argc, char **argv) {
  static start s;
  lua_State *L;
  s.name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
  hold_standard_files();
  set_heap(s.name);
  L = lua_newstate(counting_allocator, NULL);
  if (!L)
    return EXIT_FAILURE;
  signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is an error of one write */
  s.argc = argc;
  s.argv = argv;
  find_root(&s);
  lua_pushcfunction(L, traceback);
  lua_pushcfunction(L, pmain);
  lua_pushlightuserdata(L, &s);
  if (lua_pcall(L, 1, 0, 1) != LUA_OK) {
    fprintf(stderr, "%s: %s\n", s.name, lua_tostring(L, -1));
    s.status = 70; /* EX_SOFTWARE: our own fault */
    s.at_once = 1; /* what is half made would crash as it is collected: luv's loop runs */
  }
  if (s.at_once) { /* else all is closed, but for threads that nobody can stop */
    fflush(NULL);
    _exit(s.status);
  }
  lua_close(L);
  return s.status;
}
