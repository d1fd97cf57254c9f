/* pattern.c - what a pattern can cost at worst, known before it is tried. No
 * matching. */
#include "fence.h"
#include <ctype.h>
#include <string.h>

typedef unsigned char byte;

/* One item of a pattern: the bytes that it takes, how often. */
typedef struct {
  byte takes[32]; /* a bit a byte value */
  char times;     /* '1', one of * + - ?, '$' at the end, or 'b' for %b and %1 */
} item;

static int is_class(int c, int letter) {
  int in;
  switch (tolower(letter)) {
  case 'a':
    in = isalpha(c);
    break;
  case 'c':
    in = iscntrl(c);
    break;
  case 'd':
    in = isdigit(c);
    break;
  case 'g':
    in = isgraph(c);
    break;
  case 'l':
    in = islower(c);
    break;
  case 'p':
    in = ispunct(c);
    break;
  case 's':
    in = isspace(c);
    break;
  case 'u':
    in = isupper(c);
    break;
  case 'w':
    in = isalnum(c);
    break;
  case 'x':
    in = isxdigit(c);
    break;
  default:
    return letter == c;
  }
  return isupper(letter) ? !in : in != 0;
}

static void add(item *it, int letter, int escaped) {
  for (int c = 0; c < 256; c++)
    if (escaped ? is_class(c, letter) : letter == c)
      it->takes[c >> 3] |= (byte)(1 << (c & 7));
}

static const byte *read_set(const byte *p, const byte *end, item *it) {
  int inverted = p < end && *p == '^', first = 1;
  for (p += inverted; p < end && (*p != ']' || first); first = 0) {
    if (*p == '%' && p + 1 < end) {
      add(it, p[1], 1);
      p += 2;
    } else if (p + 2 < end && p[1] == '-' && p[2] != ']') {
      for (int c = p[0]; c <= p[2]; c++)
        add(it, c, 0);
      p += 3;
    } else
      add(it, *p++, 0);
  }
  for (int i = 0; inverted && i < 32; i++)
    it->takes[i] = (byte)~it->takes[i];
  return p < end ? p + 1 : end;
}

/* Reads the next item that takes bytes; captures and frontiers take none and are passed
 * over. A malformed pattern is read as far as it goes: the matcher itself refuses it. */
static const byte *read_item(const byte *p, const byte *end, item *it) {
  memset(it, 0, sizeof *it);
  while (p < end && (*p == '(' || *p == ')'))
    p++;
  it->times = '$';
  if (p >= end || (*p == '$' && p + 1 == end))
    return end;
  it->times = '1';
  if (*p == '%' && p + 1 < end) {
    byte letter = p[1];
    p += 2;
    if (letter == 'f' && p < end && *p == '[') {
      item unused;
      return read_item(read_set(p + 1, end, &unused), end, it);
    }
    if (letter == 'b' || isdigit(letter)) {
      it->times = 'b';
      return letter == 'b' && end - p >= 2 ? p + 2 : p;
    }
    add(it, letter, 1);
  } else if (*p == '[')
    p = read_set(p + 1, end, it);
  else if (*p == '.') {
    memset(it->takes, 255, sizeof it->takes);
    p++;
  } else
    add(it, *p++, 0);
  if (p < end && strchr("*+-?", *p))
    it->times = (char)*p++;
  return p;
}

/* Whether a repetition can end in one place only, because what must follow takes none of
 * its bytes: then it cannot be shortened or lengthened to try again. */
static int ends_once(const item *it, const item *next) {
  if (next->times == '$')
    return 1;
  if (next->times != '1' && next->times != '+')
    return 0;
  for (int i = 0; i < 32; i++)
    if (it->takes[i] & next->takes[i])
      return 0;
  return 1;
}

/* Each repetition that may end anywhere multiplies the ways: C(SIZE + n, n) for n of
 * them, one more where the pattern may begin anywhere; the others cost a walk each. */
double fence_pattern_steps(const char *pattern, size_t length, size_t size,
                           int anchored) {
  const byte *p = (const byte *)pattern, *end = p + length;
  int free_ends = anchored ? 0 : 1;
  double steps = 1 + (double)length / 64, walks = 1;
  item it, next;
  if (anchored)
    p++;
  for (p = read_item(p, end, &it); it.times != '$'; it = next) {
    p = read_item(p, end, &next);
    if (it.times == '?')
      steps *= 2;
    else if (it.times == 'b' || (it.times != '1' && !ends_once(&it, &next)))
      free_ends++;
    else if (it.times != '1')
      walks += (double)size;
  }
  for (int i = 1; i <= free_ends && steps < 1e12; i++)
    steps *= ((double)size + i) / i;
  return steps * walks;
}
