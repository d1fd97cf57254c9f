/* line.c - the form of a segment: its name, its first line, lines with checksums.
 * No files. */
#include "journal.h"
#include <stdio.h>
#include <string.h>
#include <sodium.h>

/* SipHash-2-4 keyed by the place, its first 40 bits: a line that a disk brings back at
 * another place, or from an older segment in the same blocks, is no line of ours. */
static void checksum(char out[static JOURNAL_CHECK_SIZE], int64_t number, int64_t offset,
                     const char *bytes, size_t size) {
  static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
  unsigned char key[crypto_shorthash_KEYBYTES], hash[crypto_shorthash_BYTES];
  uint64_t bits = 0;
  for (int i = 0; i < 8; i++) {
    key[i] = (unsigned char)(number >> (8 * i));
    key[i + 8] = (unsigned char)(offset >> (8 * i));
  }
  crypto_shorthash(hash, (const unsigned char *)bytes, size, key);
  for (int i = 0; i < 5; i++)
    bits = bits << 8 | hash[i];
  for (int i = 0; i < JOURNAL_CHECK_SIZE; i++)
    out[i] = digits[bits >> (35 - 5 * i) & 31];
}

size_t journal_encode(char out[static JOURNAL_RECORD_MAX], int64_t place, char mark,
                      int64_t end, const char *text, size_t size) {
  char *at = out + JOURNAL_CHECK_SIZE;
  at += snprintf(at, 24, "%c%lld ", mark, (long long)end);
  memcpy(at, text, size);
  at += size;
  checksum(out, place >> 32, place & 0xffffffff, out + JOURNAL_CHECK_SIZE,
           (size_t)(at - out) - JOURNAL_CHECK_SIZE);
  *at++ = '\n';
  return (size_t)(at - out);
}

int journal_decode(const char *record, size_t size, int64_t number, journal_line *line) {
  char check[JOURNAL_CHECK_SIZE];
  size_t at = JOURNAL_CHECK_SIZE + 1;
  if (size < JOURNAL_CHECK_SIZE + 3 || size >= JOURNAL_RECORD_MAX)
    return 0;
  checksum(check, number, line->offset, record + JOURNAL_CHECK_SIZE,
           size - JOURNAL_CHECK_SIZE);
  if (memcmp(check, record, sizeof check) != 0)
    return 0;
  line->mark = record[JOURNAL_CHECK_SIZE];
  for (line->end = 0; at < size && record[at] >= '0' && record[at] <= '9' && at < 27;
       at++)
    line->end = line->end * 10 + (record[at] - '0');
  if (at >= size || record[at] != ' ')
    return 0;
  line->text = record + at + 1;
  line->size = size - at - 1;
  return 1;
}

int journal_next(const char *bytes, size_t size, int64_t number, size_t *at,
                 journal_line *line) {
  const char *start = bytes + *at, *feed;
  if (*at >= size)
    return -1;
  feed = memchr(start, '\n', size - *at);
  line->offset = (int64_t)*at;
  *at = feed ? (size_t)(feed - bytes) + 1 : size;
  if (feed && journal_decode(start, (size_t)(feed - start), number, line))
    return 1;
  line->size = *at - (size_t)line->offset;
  return 0;
}

size_t journal_header(const journal *j, const segment *s,
                      char out[static JOURNAL_HEADER_MAX]) {
  return (size_t)snprintf(out, JOURNAL_HEADER_MAX, "dt-swarm-journal/1 %s %08lld\n",
                          j->families[s->family].name, (long long)s->number);
}

void journal_file_name(const journal *j, const segment *s, char *out, size_t room) {
  snprintf(out, room, "%s.%08lld.journal", j->families[s->family].name,
           (long long)s->number);
}

void journal_segment_path(const journal *j, const segment *s,
                          char out[static DISK_PATH_MAX]) {
  char name[80];
  journal_file_name(j, s, name, sizeof name);
  journal_path(j, name, out);
}

void journal_path(const journal *j, const char *name, char out[static DISK_PATH_MAX]) {
  snprintf(out, DISK_PATH_MAX, "%.350s/%.150s", j->folder, name);
}
