/* replay.c - feeds kept inputs, and small changes of them, to one fuzzer without clang.
 */
#include "fuzz.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INPUT_MAX (1 << 20)

typedef int entry(const uint8_t *data, size_t size);
#define FUZZER(name) entry FUZZ_JOIN(fuzz_, name);
#include "fuzzers.inc"
#undef FUZZER

/* What must go wrong, so that going well means something: too far behind, and too long.
 */
static int canary(const uint8_t *data, size_t size) {
  volatile const uint8_t *at = data;
  if (size == 6 && !memcmp(data, "behind", size))
    return at[size];
  FUZZ_CHECK(size != 5 || memcmp(data, "check", size));
  while (size == 7 && !memcmp(data, "forever", size))
    continue;
  return 0;
}

/* NULL: nobody of that name. */
static entry *find(const char *name) {
#define FUZZER(known)                                                                    \
  if (!strcmp(name, #known))                                                             \
    return FUZZ_JOIN(fuzz_, known);
#include "fuzzers.inc"
#undef FUZZER
  return strcmp(name, "canary") ? NULL : canary;
}

static const char *current = "", *change = "";
static uint8_t *page_end; /* behind it lies a page that nobody may touch */
static long runs;
static unsigned seconds = 20; /* for one input and all its changes */

static void on_signal(int number) {
  dprintf(2, "%s, %s: %s\n", current, change,
          number == SIGALRM ? "no end in sight" : strsignal(number));
  _exit(1);
}

static void make_pages(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *pages = mmap(NULL, INPUT_MAX + page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + INPUT_MAX, page, PROT_NONE))
    abort();
  page_end = pages + INPUT_MAX;
}

static void run(entry *fuzzer, const uint8_t *bytes, size_t size, const char *how) {
  change = how;
  memmove(page_end - size, bytes, size);
  fuzzer(page_end - size, size);
  runs++;
}

/* xorshift64*, so that the same changes are made everywhere */
static uint64_t chance(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 2685821657736338717u >> 16;
}

static void run_changes(entry *fuzzer, uint8_t *bytes, size_t size, int changes) {
  uint64_t state = 88172645463325252u + size;
  for (int i = 0; i < changes && size; i++) {
    size_t at = chance(&state) % size;
    uint8_t was = bytes[at];
    run(fuzzer, bytes, at, "cut short");
    bytes[at] ^= (uint8_t)(1u << chance(&state) % 8);
    run(fuzzer, bytes, size, "one bit changed");
    bytes[at] = (uint8_t)chance(&state);
    run(fuzzer, bytes, size, "one byte changed");
    bytes[at] = was;
  }
}

static void run_file(entry *fuzzer, const char *path, int changes) {
  static uint8_t bytes[INPUT_MAX];
  FILE *file = fopen(path, "rb");
  size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  if (!file)
    abort();
  fclose(file);
  current = path;
  alarm(seconds);
  run(fuzzer, bytes, size, "as it is");
  run_changes(fuzzer, bytes, size, changes);
  alarm(0);
}

static void run_folder(entry *fuzzer, const char *folder, int changes) {
  char path[4096];
  struct dirent **names;
  int count = scandir(folder, &names, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
    if (names[i]->d_name[0] != '.')
      run_file(fuzzer, path, changes);
    free(names[i]);
  }
  if (count >= 0)
    free(names);
}

int main(int argc, char **argv) {
  static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
  entry *fuzzer;
  if (argc < 4) {
    fprintf(stderr, "usage: replay FUZZER FOLDER CHANGES [SECONDS]\n");
    return 2;
  }
  if (argc > 4)
    seconds = (unsigned)atoi(argv[4]);
#ifndef __SANITIZE_ADDRESS__ /* which has its own */
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    signal(numbers[i], on_signal);
#endif
  signal(SIGALRM, on_signal);
  make_pages();
  fuzzer = find(argv[1]);
  if (fuzzer)
    run_folder(fuzzer, argv[2], atoi(argv[3]));
  printf("%ld\n", runs);
  return runs ? 0 : 2;
}
