/* heap.c - small blocks without a head: Lua says of each how long it is when it frees it.
 * A page has blocks of one size, and is free when all of them are. Large ones are
 * malloc's. */
#include "heap.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP 8    /* bytes between two sizes */
#define REGION 64 /* pages that are asked for at once */
#ifdef __SANITIZE_ADDRESS__
#define SMALL 0 /* of malloc's blocks the sanitiser sees each */
#else
#define SMALL 256 /* bytes of the largest block that is not malloc's */
#endif

/* What begins a page. */
typedef struct page {
  struct page *next, *before; /* of those of this size that have room */
  void *free;                 /* blocks that were in use, each with the next one in it */
  uint16_t size, used;        /* bytes of a block; blocks */
  uint32_t fresh;             /* where those begin that never were in use */
} page;

#define FIRST ((sizeof(page) + 15) / 16 * 16)

static page *with_room[SMALL / STEP + 1];

/* Pages that nothing is in; the first GIVEN of them were given back to the system. */
static struct {
  void **list;
  size_t size, count, known, given;
} pages;

static int take_region(void) {
  size_t known = pages.known + REGION;
  void **list = realloc(pages.list, known * sizeof *list);
  char *region;
  if (!list)
    return 0;
  pages.list = list;
  pages.size = (size_t)sysconf(_SC_PAGESIZE);
  region = mmap(NULL, REGION * pages.size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (region == MAP_FAILED)
    return 0;
  pages.known = known;
  for (size_t i = REGION; i-- > 0;)
    pages.list[pages.count++] = region + i * pages.size;
  pages.given = pages.count;
  return 1;
}

static void enter(page *p) {
  page **first = &with_room[p->size / STEP];
  p->before = NULL;
  p->next = *first;
  if (*first)
    (*first)->before = p;
  *first = p;
}

static void leave(page *p) {
  if (p->before)
    p->before->next = p->next;
  else
    with_room[p->size / STEP] = p->next;
  if (p->next)
    p->next->before = p->before;
}

static page *take_page(size_t size) {
  page *p;
  if (!pages.count && !take_region())
    return NULL;
  p = pages.list[--pages.count];
  if (pages.given > pages.count)
    pages.given = pages.count;
  *p = (page){.size = (uint16_t)size, .fresh = FIRST};
  enter(p);
  return p;
}

static int is_full(const page *p) {
  return !p->free && p->fresh + p->size > pages.size;
}

static void *take(size_t size) {
  page *p;
  void *block;
  if (size > SMALL)
    return malloc(size);
  size = (size + STEP - 1) / STEP * STEP;
  p = with_room[size / STEP];
  if (!p && !(p = take_page(size)))
    return NULL;
  block = p->free;
  if (block)
    p->free = *(void **)block;
  else
    block = (char *)p + p->fresh, p->fresh += p->size;
  p->used++;
  if (is_full(p))
    leave(p);
  return block;
}

static void drop(void *block, size_t size) {
  page *p;
  if (size > SMALL) {
    free(block);
    return;
  }
  p = (page *)((uintptr_t)block & ~(uintptr_t)(pages.size - 1));
  if (is_full(p))
    enter(p);
  *(void **)block = p->free;
  p->free = block;
  if (--p->used)
    return;
  leave(p);
  pages.list[pages.count++] = p;
}

void *heap_resize(void *block, size_t old, size_t new) {
  void *result;
  if (!block)
    old = 0;
  if (old > SMALL && new > SMALL)
    return realloc(block, new);
  if (old && new && (old + STEP - 1) / STEP == (new + STEP - 1) / STEP)
    return block;
  result = new ? take(new) : NULL;
  if (old && result)
    memcpy(result, block, old < new ? old : new);
  if (old && (result || !new))
    drop(block, old);
  return result;
}

void heap_trim(void) {
  for (; pages.given < pages.count; pages.given++)
    (void)madvise(pages.list[pages.given], pages.size, MADV_DONTNEED);
}
