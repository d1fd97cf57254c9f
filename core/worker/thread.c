/* thread.c - what who works beside the loop needs: a thread, a wake-up, a clock. Says
 * nothing of the work. */
#include "worker.h"
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (256 * 1024)

int worker_thread(pthread_t *thread, void *(*run)(void *given), void *given) {
  pthread_attr_t attributes;
  sigset_t all, before;
  int err;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  err = pthread_create(thread, &attributes, run, given);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return err;
}

void worker_ring(int fd) {
  uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

int64_t worker_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
