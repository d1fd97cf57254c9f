/* reply.h - what answers are made of, for the files that answer. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "gateway.h"

#define GATEWAY_RAW "application/vnd.ipld.raw"
#define GATEWAY_CAR "application/vnd.ipld.car"
/* No bytes, told by the CID itself: how clients probe a gateway. */
#define GATEWAY_EMPTY_CID "bafkqaaa"

#define GATEWAY_HELP                                                                     \
  "This is the gateway of a dt-swarm node: it serves files, no pages.\n"                 \
  "  /ipfs/CID              a file\n"                                                    \
  "  /ipfs/CID?format=raw   one of its blocks\n"                                         \
  "  /ipfs/CID?format=car   all of them, as a CAR\n"                                     \
  "To have a file, checked and whole: dt-swarm-cli files get NAME\n"                     \
  "Which files there are: dt-swarm-cli report\n"

typedef struct {
  gateway *gateway;
  http_client *client;
  struct MHD_Connection *connection;
} gateway_request;

typedef struct {
  const char *cid, *type, *tag;
  const char *suffix;      /* of the CID in the name of what can be kept */
  const char *disposition; /* in place of such a name; of a file, any range of which can
                              be had */
} gateway_label;

void gateway_count(gateway *g, gateway_word word);
gateway_word gateway_word_number(const char *word);
int gateway_is_browser(const gateway_request *r);

/* The answers. WORD is one of GATEWAY_WORDS, or an errno's name; HINT comes behind it, or
 * is NULL. */
enum MHD_Result gateway_refuse(const gateway_request *r, unsigned status,
                               const char *word);
enum MHD_Result gateway_refuse_with(const gateway_request *r, unsigned status,
                                    const char *word, const char *hint);
/* What nobody serves, or not to who asks: he who may not have all is not told which. */
enum MHD_Result gateway_refuse_missing(const gateway_request *r);
enum MHD_Result gateway_refuse_block(const gateway_request *r, const char *word);
enum MHD_Result gateway_explain(const gateway_request *r, const char *words);
/* RESPONSE may be NULL for want of memory, and is gone afterwards. */
enum MHD_Result gateway_send(const gateway_request *r, unsigned status,
                             const gateway_label *label, struct MHD_Response *response);
/* Of SIZE bytes those from FROM to before END follow. */
void gateway_add_range(struct MHD_Response *response, int64_t from, int64_t end,
                       int64_t size);
/* None of the bytes that were asked for are among the SIZE that there are. */
enum MHD_Result gateway_refuse_range(const gateway_request *r, int64_t size);
struct MHD_Response *gateway_no_bytes(void);
/* A length, and a body that nobody asks for. */
struct MHD_Response *gateway_head(int64_t size);
int gateway_has_current_copy(const gateway_request *r, const char *tag);

/* A reader's memory, UNIXFS_CHUNK bytes: NULL when all readers are taken, or no memory.
 */
uint8_t *gateway_take_memory(gateway *g);
void gateway_give_back(gateway *g, uint8_t *memory);

/* car.c */
enum MHD_Result gateway_answer_car(const gateway_request *r, const char *cid,
                                   int is_head);

/* gateway_file.c */
enum MHD_Result gateway_answer_file(const gateway_request *r, const char *cid,
                                    int is_head);

#endif
