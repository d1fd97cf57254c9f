/* wire_command.c - the wire's commands and counters. Moves no frames.
 *
 * loss|double|reorder|corrupt SHARE [FROM [TO]] · delay|jitter MS [FROM [TO]] · cut|heal
 * [FROM [TO]] · rate|queue BYTES [NAME] · plug|unplug NAME · counters · quit. Of one NAME
 * both ways are meant, of two the one from FROM to TO; `*` is everybody. */
#include "wire.h"
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define WORDS_MAX 4

static const char *const KIND_NAMES[KINDS] = {"arp", "broadcast", "other", "tcp", "udp"};
static const char *const FATE_NAMES[FATES] = {
    "corrupted", "cut", "doubled",   "in",        "in_bytes",  "lost",
    "offered",   "out", "out_bytes", "reordered", "throttled", "unable"};

static int port_of(const wire *w, const char *name) {
  for (int i = 0; i < w->count; i++)
    if (!strcmp(w->ports[i].name, name))
      return i;
  return -1;
}

static int is_meant(const wire *w, const char *name, int number) {
  return !strcmp(name, "*") || !strcmp(name, w->ports[number].name);
}

static int selects(const wire *w, const char *from, const char *to, int a, int b) {
  if (!from)
    return 1;
  if (to)
    return is_meant(w, from, a) && is_meant(w, to, b);
  return is_meant(w, from, a) || is_meant(w, from, b);
}

static double *wish_of(wish *w, const char *name) {
  double *places[] = {&w->loss,    &w->doubling, &w->reorder,
                      &w->corrupt, &w->delay,    &w->jitter};
  const char *names[] = {"loss", "double", "reorder", "corrupt", "delay", "jitter"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], name))
      return places[i];
  return NULL;
}

/* A link's settings: a wish, or whether it is cut. */
static void set_links(wire *w, char **words, const char *from, const char *to) {
  for (int a = 0; a < w->count; a++)
    for (int b = 0; b < w->count; b++) {
      link_state *l = &w->links[a][b];
      if (!selects(w, from, to, a, b))
        continue;
      if (wish_of(&l->wish, words[0]))
        *wish_of(&l->wish, words[0]) = strtod(words[1], NULL);
      else
        l->cut = !strcmp(words[0], "cut");
    }
}

static void set_ports(wire *w, char **words) {
  for (int i = 0; i < w->count; i++) {
    port *p = &w->ports[i];
    if (words[2] && !is_meant(w, words[2], i))
      continue;
    *(strcmp(words[0], "rate") ? &p->queue : &p->rate) = strtod(words[1], NULL);
    p->busy = 0;
  }
}

/* The host sees whether there is a carrier. */
static int set_carrier(wire *w, const char *name, int carrier) {
  int number = port_of(w, name);
  return number >= 0 && ioctl(w->ports[number].fd, TUNSETCARRIER, &carrier) == 0;
}

static void print_fates(const char *name, const uint64_t *fates) {
  printf("\"%s\":{", name);
  for (int i = 0; i < FATES; i++)
    printf("%s\"%s\":%llu", i ? "," : "", FATE_NAMES[i], (unsigned long long)fates[i]);
  printf("}");
}

static void print_port(const port *p) {
  printf("\"%s\":{", p->name);
  for (int kind = 0; kind < KINDS; kind++) {
    printf("%s", kind ? "," : "");
    print_fates(KIND_NAMES[kind], p->fates[kind]);
  }
  printf("}");
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(port *const *)a)->name, (*(port *const *)b)->name);
}

static void print_counters(wire *w) {
  port *sorted[PORTS_MAX];
  for (int i = 0; i < w->count; i++)
    sorted[i] = &w->ports[i];
  qsort(sorted, (size_t)w->count, sizeof *sorted, by_name);
  printf("{\"flying\":%zu,\"hosts\":{", wire_flying());
  for (int i = 0; i < w->count; i++) {
    printf("%s", i ? "," : "");
    print_port(sorted[i]);
  }
  printf("}}\n");
}

static int known(const wire *w, const char *name) {
  return !name || !strcmp(name, "*") || port_of(w, name) >= 0;
}

static int obey(wire *w, char **words, int count) {
  const char *verb = words[0];
  static wish none;
  int is_wish = wish_of(&none, verb) != NULL;
  int is_cut = !strcmp(verb, "cut") || !strcmp(verb, "heal");
  char **names = words + (is_cut ? 1 : 2);
  if ((is_wish && count >= 2) || is_cut) {
    if (!known(w, names[0]) || !known(w, names[0] ? names[1] : NULL))
      return 0;
    set_links(w, words, names[0], names[0] ? names[1] : NULL);
    return 1;
  }
  if ((!strcmp(verb, "rate") || !strcmp(verb, "queue")) && count >= 2 &&
      known(w, words[2])) {
    set_ports(w, words);
    return 1;
  }
  if ((!strcmp(verb, "plug") || !strcmp(verb, "unplug")) && count == 2)
    return set_carrier(w, words[1], !strcmp(verb, "plug"));
  return 0;
}

void wire_command(wire *w, char *line) {
  char *words[WORDS_MAX + 1] = {NULL}, *rest = line;
  int count = 0;
  while (count < WORDS_MAX && (words[count] = strtok_r(rest, " ", &rest)) != NULL)
    count++;
  if (count == 1 && !strcmp(words[0], "counters")) {
    print_counters(w);
    return;
  }
  if (count == 1 && !strcmp(words[0], "quit"))
    exit(0);
  if (count > 0 && obey(w, words, count))
    puts("ok");
  else
    printf("no: %s\n", count ? words[0] : "nothing was asked");
}
