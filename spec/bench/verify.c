/* verify.c - libsodium's bare rate: crypto_sign_verify_detached on 230 bytes, or as many
 * as are given; one core. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COUNT 20000

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
  static unsigned char text[4096] = "text";
  unsigned char public[32], secret[64], signature[64];
  size_t size = count > 1 ? strtoul(arguments[1], NULL, 10) : 230;
  int bad = sodium_init() < 0 || size > sizeof text;
  crypto_sign_keypair(public, secret);
  crypto_sign_detached(signature, NULL, text, size, secret);
  double start = seconds();
  for (int i = 0; i < COUNT; i++)
    bad |= crypto_sign_verify_detached(signature, text, size, public);
  printf("%.3f\n", (seconds() - start) / COUNT * 1e6);
  return bad;
}
