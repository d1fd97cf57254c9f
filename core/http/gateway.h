/* gateway.h - the state of the gateway, shared by its files and nobody else's. */
#ifndef GATEWAY_H
#define GATEWAY_H

#include "connections.h"
#include "served.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <microhttpd.h>

#define GATEWAY_NETWORKS_MAX 320
#define GATEWAY_GIVEN_MAX 16

/* How a request can end without its block: the words of CORE_WORDS that are counted here.
 */
#define GATEWAY_WORDS(X)                                                                 \
  X(form)                                                                                \
  X(kind)                                                                                \
  X(host)                                                                                \
  X(length)                                                                              \
  X(permission)                                                                          \
  X(missing) X(moved) X(block) X(link) X(full) X(pause) X(slow) X(closed) X(disk)

typedef enum {
#define GATEWAY_WORD(word) GATEWAY_##word,
  GATEWAY_WORDS(GATEWAY_WORD)
#undef GATEWAY_WORD
      GATEWAY_WORD_COUNT
} gateway_word;

typedef struct {
  int family; /* AF_INET, AF_INET6 */
  uint8_t address[16];
  int bits;
  int shut; /* who is there is not answered, whatever other networks he is in */
} gateway_network;

/* A connected local socket, whoever is behind it. */
typedef struct {
  int fd;
  served_class reach;
  int is_known; /* libmicrohttpd has it */
} gateway_given;

typedef struct {
  int listener, wake; /* wake: an eventfd that ends the thread's wait */
  int readers, connections, per_host;
  int answer_ms;  /* for a block */
  int pressed_ms; /* the most for a block while new clients are refused */
  pthread_t thread;
  int running;
  atomic_int stopping;
  atomic_int paused; /* no bytes are given; blocks under way end */
  atomic_int partly; /* not all that it holds is served yet */

  struct MHD_Daemon *daemon; /* from here on the thread's own */
  http_clients clients;
  int pressed; /* somebody was sent away because all readers were taken */
  int streams; /* long answers under way: they hold a reader for long, so half of all at
                  most */
  uint8_t *spare; /* one block's memory, kept for the next */

  served *served;
  atomic_llong busy, open; /* blocks being sent, connections */
  atomic_llong blocks, bytes;
  atomic_llong refused[GATEWAY_WORD_COUNT];

  pthread_mutex_t lock; /* of the networks, and of what was given */
  gateway_network networks[GATEWAY_NETWORKS_MAX];
  int network_count;
  gateway_given given[GATEWAY_GIVEN_MAX];
  int given_count;
} gateway;

/* thread.c: 0 or an errno. */
int gateway_start(gateway *g);
void gateway_stop(gateway *g);

/* answer.c */
int gateway_shuts(gateway *g, const struct sockaddr *a); /* is who connects shut out? */
enum MHD_Result gateway_answer(gateway *g, http_client *client, struct MHD_Connection *c,
                               const char *url, const char *method);

#endif
