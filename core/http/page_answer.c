/* page_answer.c - what the page door answers, and which requests it refuses. It keeps
 * nothing, and knows no path. */
#include "page_answer.h"
#include "connections.h"
#include <stdlib.h>
#include <string.h>

/* -- answers -- */

void page_release(page_answer *a) {
  if (!a || --a->uses > 0)
    return;
  MHD_destroy_response(a->response);
  free(a);
}

/* What is said here is not run, framed or kept by anybody, nor read by other origins. */
static void add_guards(struct MHD_Response *response) {
  static const char *const headers[][2] = {
      {"Cache-Control",           "no-store"                                                                           },
      {"X-Content-Type-Options",  "nosniff"                                                                            },
      {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src "
                                  "'self'; connect-src 'self'; frame-ancestors 'none'"},
      {"Connection",              "close"                                                                              }, /* 16 places are for all */
  };
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
    MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

page_answer *page_answer_new(unsigned status, const char *type, const char *bytes,
                             size_t size) {
  page_answer *a = calloc(1, sizeof *a);
  if (!a)
    return NULL;
  a->response =
      MHD_create_response_from_buffer(size, (void *)bytes, MHD_RESPMEM_MUST_COPY);
  if (!a->response) {
    free(a);
    return NULL;
  }
  add_guards(a->response);
  MHD_add_response_header(a->response, "Content-Type", type);
  if (status == 405)
    MHD_add_response_header(a->response, "Allow", "GET, HEAD");
  if (status == 503)
    MHD_add_response_header(a->response, "Retry-After", "1");
  a->uses = 1;
  a->status = status;
  a->size = (int64_t)size;
  return a;
}

/* -- refusals -- */

static enum MHD_Result add_size(void *user, enum MHD_ValueKind kind, const char *name,
                                const char *value) {
  size_t *size = user;
  (void)kind;
  *size += strlen(name) + (value ? strlen(value) : 0) + 4;
  return MHD_YES;
}

static size_t headers_size(struct MHD_Connection *c) {
  size_t size = 0;
  MHD_get_connection_values(c, MHD_HEADER_KIND, add_size, &size);
  return size;
}

/* A browser says from whose page a request comes; other programs say nothing. */
static int is_of_other_site(struct MHD_Connection *c) {
  const char *site = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site");
  return site && strcmp(site, "none") && strcmp(site, "same-origin");
}

typedef struct {
  page_word word;
  unsigned status;
  const char *body;
} refusal;

static const refusal refusals[] = {
    {PAGE_host,       403,
     PAGE_REFUSAL("host",                       "ask by http://localhost or a loopback address")},
    {PAGE_permission, 403,
     PAGE_REFUSAL("permission",                 "pages of other sites may not ask here")        },
    {PAGE_form,       405, PAGE_REFUSAL("form", "only GET and HEAD")                            },
    {PAGE_long,       414, PAGE_REFUSAL("long", "at most 512 bytes of path")                    },
    {PAGE_long,       431, PAGE_REFUSAL("long", "at most 16384 bytes of headers")               },
};

static const refusal *refusal_of(struct MHD_Connection *c, const char *method,
                                 int uri_is_long) {
  if (!http_host_is_address(c))
    return &refusals[0];
  if (is_of_other_site(c))
    return &refusals[1];
  if (strcmp(method, "GET") && strcmp(method, "HEAD"))
    return &refusals[2];
  if (uri_is_long)
    return &refusals[3];
  return headers_size(c) > PAGE_HEADERS_MAX ? &refusals[4] : NULL;
}

int page_refuses(struct MHD_Connection *c, const char *method, int uri_is_long,
                 page_word *word, page_answer **a) {
  const refusal *why = refusal_of(c, method, uri_is_long);
  if (!why)
    return 0;
  *word = why->word;
  *a = page_answer_new(why->status, PAGE_JSON, why->body, strlen(why->body));
  return 1;
}
