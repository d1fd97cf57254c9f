/* page_answer.h - what the page door answers, and which requests it refuses. It keeps
 * nothing, and knows no path. */
#ifndef HTTP_PAGE_ANSWER_H
#define HTTP_PAGE_ANSWER_H

#include <stddef.h>
#include <stdint.h>
#include <microhttpd.h>

#define PAGE_JSON "application/json"
#define PAGE_HEADERS_MAX 16384 /* bytes of a request's headers */

/* Words of CORE_WORDS by which a request is refused here. */
#define PAGE_WORDS(X) X(host) X(permission) X(form) X(long) X(slow)

typedef enum {
#define PAGE_WORD(word) PAGE_##word,
  PAGE_WORDS(PAGE_WORD)
#undef PAGE_WORD
      PAGE_WORD_COUNT
} page_word;

typedef struct {
  int uses; /* freed by page_release of the last */
  unsigned status;
  int64_t size;
  struct MHD_Response *response;
} page_answer;

/* With one use; NULL without memory. */
page_answer *page_answer_new(unsigned status, const char *type, const char *bytes,
                             size_t size);
void page_release(page_answer *a); /* NULL is safe */

/* 1 where a request is not to be answered: *WORD says why, and *A, with one use, is what
 * it gets; NULL without memory. */
int page_refuses(struct MHD_Connection *c, const char *method, int uri_is_long,
                 page_word *word, page_answer **a);

#define PAGE_REFUSAL(word, text)                                                         \
  "{\"error\":{\"text\":\"" text "\",\"word\":\"" word "\"},\"schema\":1}\n"

#endif
