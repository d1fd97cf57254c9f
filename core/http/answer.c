/* answer.c - one request to the gateway and its answer. No connections, no table.
 */
#include "core.h"
#include "text/text.h"
#include "gateway.h"
#include "reply.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- who asks -- */

/* The address as 4 or 16 bytes; one of IPv4 in an IPv6 socket counts as IPv4. */
static int bytes_of(const struct sockaddr *a, uint8_t out[16]) {
  if (a && a->sa_family == AF_INET) {
    memcpy(out, &((const struct sockaddr_in *)a)->sin_addr, 4);
    return AF_INET;
  }
  if (!a || a->sa_family != AF_INET6)
    return 0;
  memcpy(out, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
  if (!IN6_IS_ADDR_V4MAPPED((struct in6_addr *)out))
    return AF_INET6;
  memmove(out, out + 12, 4);
  return AF_INET;
}

static int source_address(struct MHD_Connection *c, uint8_t out[16]) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  return bytes_of(info ? info->client_addr : NULL, out);
}

static int is_within(const uint8_t *address, const gateway_network *n) {
  int whole = n->bits / 8, rest = n->bits % 8;
  if (memcmp(address, n->address, whole))
    return 0;
  return rest == 0 || !((address[whole] ^ n->address[whole]) >> (8 - rest));
}

/* Is it in one of the networks that are shut, or of those that are not? */
static int is_in_one(gateway *g, int family, const uint8_t *address, int shut) {
  int is_in = 0;
  pthread_mutex_lock(&g->lock);
  for (int i = 0; i < g->network_count && !is_in; i++)
    is_in = g->networks[i].shut == shut && g->networks[i].family == family &&
            is_within(address, &g->networks[i]);
  pthread_mutex_unlock(&g->lock);
  return is_in;
}

int gateway_shuts(gateway *g, const struct sockaddr *a) {
  uint8_t address[16] = {0};
  int family = bytes_of(a, address);
  return is_in_one(g, family, address, 1);
}

/* Loopback is this machine: the kernel lets nobody else in from there. */
static int is_near(gateway *g, struct MHD_Connection *c) {
  uint8_t address[16] = {0};
  int family = source_address(c, address);
  if (family == AF_INET && address[0] == 127)
    return 1;
  if (family == AF_INET6 && IN6_IS_ADDR_LOOPBACK((struct in6_addr *)address))
    return 1;
  return is_in_one(g, family, address, 0);
}

typedef struct {
  gateway *gateway;
  uint8_t *memory;
} reader;

static void sent(void *user) {
  reader *s = user;
  gateway_give_back(s->gateway, s->memory);
  free(s);
}

/* SIZE bytes of MEMORY from FROM on. */
static struct MHD_Response *wrap(gateway *g, uint8_t *memory, int64_t from,
                                 int64_t size) {
  reader *s = malloc(sizeof *s);
  struct MHD_Response *response = NULL;
  if (s) {
    *s = (reader){g, memory};
    response = MHD_create_response_from_buffer_with_free_callback_cls(
        (size_t)size, memory + from, sent, s);
  }
  if (response)
    return response;
  free(s);
  gateway_give_back(g, memory);
  return NULL;
}

/* Where the wanted bytes begin: of ranges (RFC 9110, 14.2) only `bytes=N-` is known, for
 * who has the first N from an answer that broke off. 0 for any other. */
static int64_t range_start(const gateway_request *r, int64_t size) {
  const char *said =
      MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
  int64_t from = 0;
  if (!said || strncmp(said, "bytes=", 6))
    return 0;
  for (said += 6; *said >= '0' && *said <= '9' && from < size; said++)
    from = from * 10 + (*said - '0');
  return strcmp(said, "-") || from >= size ? 0 : from;
}

static enum MHD_Result give(const gateway_request *r, const served_block *block,
                            const gateway_label *label) {
  gateway *g = r->gateway;
  const char *word;
  uint8_t *memory = gateway_take_memory(g);
  if (!memory)
    return gateway_refuse(r, 503, "full");
  if (served_read(g->served, block, memory, &word) < 0) {
    gateway_give_back(g, memory);
    return gateway_refuse_block(r, word);
  }
  int64_t from = range_start(r, block->size);
  struct MHD_Response *response = wrap(g, memory, from, block->size - from);
  if (response && from > 0)
    gateway_add_range(response, from, block->size, block->size);
  r->client->sending = block->size - from;
  return gateway_send(r, from > 0 ? 206 : 200, label, response);
}

/* -- requests -- */

static enum MHD_Result answer_found(const gateway_request *r, const served_block *block,
                                    const gateway_label *label, int is_head) {
  if (gateway_has_current_copy(r, label->tag))
    return gateway_send(r, 304, label, gateway_no_bytes());
  if (is_head)
    return gateway_send(r, 200, label, gateway_head(block->size));
  return give(r, block, label);
}

static enum MHD_Result answer_block(const gateway_request *r, const char *text,
                                    int is_head) {
  char tag[128];
  gateway_label label = {text, GATEWAY_RAW, tag, "bin"};
  uint8_t cid[CID_SIZE];
  served_block block;
  enum MHD_Result result;
  snprintf(tag, sizeof tag, "\"%s.raw\"", text);
  if (!strcmp(text, GATEWAY_EMPTY_CID))
    return gateway_send(r, 200, &label, gateway_no_bytes());
  if (cid_parse(text, strlen(text), cid) < 0)
    return gateway_refuse(r, 400, "form");
  if (!served_find(r->gateway->served, cid, r->client->reach, &block))
    return gateway_refuse_missing(r);
  result = answer_found(r, &block, &label, is_head);
  served_release(r->gateway->served, &block);
  return result;
}

static int names_format(const gateway_request *r) {
  return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "format") !=
         NULL;
}

static int wants(const gateway_request *r, const char *format, const char *type) {
  const char *said =
      MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "format");
  const char *accept =
      MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
  if (said)
    return !strcmp(said, format);
  return accept && strstr(accept, type) != NULL;
}

/* `format` outranks `Accept`; of both kinds there, a block; of none, the file. */
static enum MHD_Result answer_kind(const gateway_request *r, const char *cid,
                                   int is_head) {
  if (wants(r, "raw", GATEWAY_RAW))
    return answer_block(r, cid, is_head);
  if (wants(r, "car", GATEWAY_CAR))
    return gateway_answer_car(r, cid, is_head);
  return names_format(r) ? gateway_refuse_with(r, 406, "kind", "say ?format=raw or car")
                         : gateway_answer_file(r, cid, is_head);
}

/* The IPFS gateway (specs.ipfs.tech), its files, blocks and CARs. */
enum MHD_Result gateway_answer(gateway *g, http_client *client, struct MHD_Connection *c,
                               const char *url, const char *method) {
  gateway_request r = {g, client, c};
  if (!client->is_given)
    client->reach = is_near(g, c) ? SERVED_LAB : SERVED_PUBLIC;
  if (!http_host_is_address(c))
    return gateway_refuse(&r, 403, "host");
  if (strcmp(method, "GET") && strcmp(method, "HEAD"))
    return gateway_refuse(&r, 405, "form");
  if (client->reach == SERVED_PUBLIC && strncmp(url, "/ipfs/", 6))
    return gateway_refuse(&r, 403, "permission");
  if (!strcmp(url, "/") && gateway_is_browser(&r))
    return gateway_explain(&r, GATEWAY_HELP);
  if (strncmp(url, "/ipfs/", 6))
    return gateway_refuse_with(
        &r, 404, "missing",
        "this is a dt-swarm node; ask for /ipfs/CID, ?format=raw or ?format=car");
  if (g->paused && !strcmp(method, "GET"))
    return gateway_refuse(&r, 503, "pause");
  return answer_kind(&r, url + 6, !strcmp(method, "HEAD"));
}
