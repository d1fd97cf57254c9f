/* address.c - fuzzes core/text/multiaddr.c and core/text/address.c: one text, one binary
 * form. */
#include "fuzz.h"
#include "text/multiaddr.h"
#include <stdlib.h>
#include <string.h>

/* An accepted text is printed back equal from its bytes, and its parts cover it. */
static void read_text(const char *text, size_t size) {
  multiaddr_reading r;
  multiaddr_buffer bytes, again;
  multiaddr_part segment;
  const char *at, *reached = text;
  if (size > CORE_ADDRESS_MAX)
    return;
  if (multiaddr_read(text, size, &r, &bytes) != 0) {
    FUZZ_CHECK(r.why && *r.why);
    return;
  }
  if (multiaddr_text(bytes.bytes, bytes.size, &again) != 0 || again.size != size ||
      memcmp(again.bytes, text, size))
    return; /* no address: core.address asks the same */
  FUZZ_CHECK(r.count >= 1 && r.count <= MULTIADDR_PARTS_MAX);
  for (int i = 0; i < r.count; i++) {
    FUZZ_CHECK(r.parts[i].text == reached && r.parts[i].size > 0);
    reached += r.parts[i].size;
    for (at = NULL; multiaddr_segment(&r.parts[i], &at, &segment);)
      FUZZ_CHECK(segment.text >= r.parts[i].text &&
                 segment.text + segment.size <= reached);
  }
  FUZZ_CHECK(reached == text + size);
}

/* core.address: check, bytes, text, parts, head and join agree with each other. */
static void through_lua(const uint8_t *data, size_t size) {
  fuzz_script("address_forms", data, size);
}

static void read_bytes(const char *bytes, size_t size) {
  multiaddr_buffer text, again;
  multiaddr_reading r;
  if (multiaddr_text(bytes, size, &text) != 0)
    return;
  FUZZ_CHECK(text.size <= sizeof text.bytes);
  if (multiaddr_read(text.bytes, text.size, &r, &again) == 0)
    FUZZ_CHECK(again.size <= sizeof again.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  read_text(text, size);
  read_bytes(text, size);
  through_lua(data, size);
  return 0;
}
