/* thread.c - begins a thread. Says nothing of what it does. */
#include "worker.h"
#include <signal.h>

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
