/* script.c - the fuzzer whose property is spec/fuzz/FUZZ_SCRIPT.lua. Compiled once for
 * each. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz_script(FUZZ_SCRIPT, data, size);
}
