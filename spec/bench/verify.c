/* verify.c - libsodium's bare rate: crypto_sign_verify_detached on 230 bytes, one core.
 */
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#define COUNT 20000

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void) {
  unsigned char public[32], secret[64], signature[64], text[230] = "text";
  int bad = sodium_init() < 0;
  crypto_sign_keypair(public, secret);
  crypto_sign_detached(signature, NULL, text, sizeof text, secret);
  double start = seconds();
  for (int i = 0; i < COUNT; i++)
    bad |= crypto_sign_verify_detached(signature, text, sizeof text, public);
  printf("%.3f\n", (seconds() - start) / COUNT * 1e6);
  return bad;
}
