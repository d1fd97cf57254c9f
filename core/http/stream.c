/* stream.c - one sealed stream: parts of at most 16 KiB in the boxes of a call, each with
 * its length before it. No thread, no Lua. */
#include "core.h"
#include "stream.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <sodium.h>

#define TURNS 2 /* of all that fits, out */
#define READS 2 /* of all that fits, in */
#define PASSED_MAX                                                                       \
  1000000            /* ms that are counted at once, so that no product is too large */
#define BURST_MS 100 /* of a budget that may go at once */

/* -- budget -- */

static void refill(stream_budget *b, int64_t now) {
  int64_t most = b->rate * BURST_MS / 1000 + 1;
  int64_t passed = now - b->at < PASSED_MAX ? now - b->at : PASSED_MAX;
  int64_t more = passed * b->rate / 1000;
  b->left += more;
  if (more > 0 || now < b->at)
    b->at = now;
  if (b->left > most)
    b->left = most;
}

int64_t stream_budget_wait(stream_budget *b, int64_t now) {
  if (b->rate == 0)
    return 0;
  refill(b, now);
  return b->left > 0 ? 0 : -b->left * 1000 / b->rate + 1;
}

static int may_go(const stream *s, int64_t now) {
  return !s->budget || stream_budget_wait(s->budget, now) == 0;
}

static void went(stream *s, size_t size, int64_t now) {
  s->moved = now;
  if (s->budget && s->budget->rate)
    s->budget->left -= (int64_t)size;
}

/* -- buffers -- */

static size_t held(const stream_buffer *b) {
  return b->to - b->from;
}

static size_t room(const stream_buffer *b) {
  return sizeof b->bytes - b->to;
}

static void take(stream_buffer *b, size_t size) {
  b->from += size;
  if (b->from == b->to)
    b->from = b->to = 0;
}

/* Sends what waits in B. 0; -1 when the other end is gone. */
static int drain(int fd, stream_buffer *b) {
  while (held(b) > 0) {
    ssize_t n = send(fd, b->bytes + b->from, held(b), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
      return errno == EAGAIN || errno == EINTR ? 0 : -1;
    take(b, (size_t)n);
  }
  return 0;
}

/* -- boxes -- */

static void nonce_of(uint64_t n, uint8_t nonce[24]) {
  memset(nonce, 0, 24);
  for (int i = 0; i < 8; i++)
    nonce[16 + i] = (uint8_t)(n >> (8 * i));
}

/* Puts a part of SIZE bytes into OUT, with its length. */
static void seal(stream *s, const uint8_t *plain, size_t size) {
  uint8_t nonce[24], *at = s->out.bytes + s->out.to;
  size_t box = size + STREAM_MORE;
  nonce_of(++s->said, nonce);
  at[0] = (uint8_t)(box >> 8);
  at[1] = (uint8_t)box;
  crypto_aead_xchacha20poly1305_ietf_encrypt(at + 2, NULL, plain, size,
                                             (const uint8_t *)s->with, s->with_size, NULL,
                                             nonce, s->keys + SEAL_KEYS_SIZE / 2);
  s->out.to += 2 + box;
  s->bytes_out += (int64_t)size;
}

/* Opens the box of SIZE bytes behind its length. NULL, or the word for why not. */
static const char *open_box(stream *s, size_t size) {
  uint8_t nonce[24];
  nonce_of(++s->read, nonce);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          s->plain.bytes + s->plain.to, NULL, NULL, s->boxes.bytes + s->boxes.from + 2,
          size, (const uint8_t *)s->with, s->with_size, nonce, s->keys))
    return "signature";
  take(&s->boxes, 2 + size);
  s->plain.to += size - STREAM_MORE;
  s->bytes_in += (int64_t)(size - STREAM_MORE);
  s->in_over = size == STREAM_MORE;
  return NULL;
}

/* The next box that is whole. 1; 0: there is none; -1 and the stream's word. */
static int next_box(stream *s) {
  const uint8_t *at = s->boxes.bytes + s->boxes.from;
  size_t size;
  if (held(&s->boxes) < 2)
    return 0;
  size = (size_t)at[0] << 8 | at[1];
  if (size < STREAM_MORE || size > STREAM_PLAIN + STREAM_MORE) {
    s->word = "form";
    return -1;
  }
  if (held(&s->boxes) < 2 + size)
    return 0;
  s->word = open_box(s, size);
  return s->word ? -1 : 1;
}

/* -- each way -- */

/* More of the connection. 1; 0: not now; -1: the stream is over. */
static int receive_boxes(stream *s, int64_t now) {
  stream_buffer *b = &s->boxes;
  ssize_t n;
  if (b->from > 0) {
    memmove(b->bytes, b->bytes + b->from, held(b));
    b->to -= b->from;
    b->from = 0;
  }
  n = recv(s->outer, b->bytes + b->to, sizeof b->bytes - b->to, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n <= 0) {
    s->word = "closed"; /* in the midst: nobody said that this is all */
    return -1;
  }
  b->to += (size_t)n;
  went(s, (size_t)n, now);
  return 1;
}

/* Hands on what was opened. 1: all of it; where the local end is gone nobody wants the
 * rest. */
static int hand_on(stream *s) {
  if (held(&s->plain) > 0 && s->inner >= 0 && drain(s->inner, &s->plain) < 0)
    s->word = "closed";
  return !s->word && held(&s->plain) == 0;
}

/* Opens what is whole as far as there is room for it. 1; -1 and the stream's word. */
static int open_boxes(stream *s) {
  int got = 1;
  while (got > 0 && !s->in_over && room(&s->plain) >= STREAM_PLAIN)
    got = next_box(s);
  return got < 0 ? -1 : 1;
}

/* No box that is whole stays behind where there is room: nothing would tell of it. */
static void move_in(stream *s, int64_t now) {
  for (int reads = 0; open_boxes(s) > 0 && !s->in_over;) {
    int opened = held(&s->plain) > 0;
    if (!hand_on(s))
      return;
    if (!opened && (reads++ == READS || !may_go(s, now) || receive_boxes(s, now) <= 0))
      return;
  }
  if (!s->word && hand_on(s) && s->inner >= 0)
    shutdown(s->inner, SHUT_WR);
}

/* Seals what the local end says, as far as there is room. How many parts. */
static int seal_parts(stream *s, int64_t now) {
  uint8_t plain[STREAM_PLAIN];
  int parts = 0;
  while (!s->out_over && s->inner >= 0 && room(&s->out) >= STREAM_FRAME &&
         may_go(s, now)) {
    ssize_t n = recv(s->inner, plain, sizeof plain, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      break;
    s->out_over = n <= 0;
    seal(s, plain, n > 0 ? (size_t)n : 0);
    went(s, n > 0 ? (size_t)n : 0, now);
    parts++;
  }
  sodium_memzero(plain, sizeof plain);
  return parts;
}

static void move_out(stream *s, int64_t now) {
  for (int i = 0; i < TURNS; i++) {
    int parts = held(&s->out) == 0 ? seal_parts(s, now) : 0;
    if (drain(s->outer, &s->out) < 0)
      s->word = "closed";
    if (s->word || held(&s->out) > 0 || parts == 0)
      return;
  }
}

static void shut(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

int stream_listen(stream *s, const char *dir, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  s->folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (s->folder < 0)
    return -1;
  snprintf(s->name, sizeof s->name, "%s", name);
  unlinkat(s->folder, s->name, 0); /* of one who was killed */
  snprintf(address.sun_path, sizeof address.sun_path, STREAM_PATH, s->folder, s->name);
  s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s->listener < 0)
    return -1;
  return bind(s->listener, (struct sockaddr *)&address, sizeof address) ||
                 listen(s->listener, 1)
             ? -1
             : 0;
}

/* Nobody else comes that way. */
static void stop_listening(stream *s) {
  if (s->folder >= 0)
    unlinkat(s->folder, s->name, 0);
  shut(&s->listener);
  shut(&s->folder);
}

/* Whoever connects to our own listener must be this process. */
static void accept_inner(stream *s) {
  struct ucred who = {0};
  socklen_t size = sizeof who;
  int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || who.pid != getpid()) {
    close(fd);
    return;
  }
  stop_listening(s);
  s->inner = fd;
}

void stream_move(stream *s, int64_t now) {
  if (s->word)
    return;
  if (s->listener >= 0)
    accept_inner(s);
  move_in(s, now);
  if (!s->word)
    move_out(s, now);
  if (!s->word && s->in_over && s->out_over && held(&s->out) == 0 && held(&s->plain) == 0)
    s->word = "";
}

short stream_wants_outer(const stream *s, int64_t now) {
  short wants = held(&s->out) > 0 ? POLLOUT : 0;
  if (!s->in_over && held(&s->plain) == 0 && may_go(s, now))
    wants |= POLLIN;
  return wants;
}

short stream_wants_inner(const stream *s, int64_t now) {
  short wants = held(&s->plain) > 0 ? POLLOUT : 0;
  if (s->listener >= 0)
    return POLLIN;
  if (!s->out_over && held(&s->out) == 0 && may_go(s, now))
    wants |= POLLIN;
  return wants;
}

void stream_end(stream *s) {
  shut(&s->outer);
  shut(&s->inner);
  stop_listening(s);
  sodium_free(s->keys); /* which wipes it */
  s->keys = NULL;
  sodium_memzero(&s->plain, sizeof s->plain);
}
