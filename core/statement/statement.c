/* statement.c - a statement's line to fields and back. Not whether it is believed. */
#include "statement.h"
#include "crypto/crypto.h"
#include "text/text.h"
#include <string.h>

#define CLASS "core.statement"
#define KIND "statement"

typedef struct statement_part part;

/* ---- reading ---- */

static int equals(part p, const char *text) {
  return p.size == strlen(text) && memcmp(p.at, text, p.size) == 0;
}

static int same(part a, part b) {
  return a.size == b.size && memcmp(a.at, b.at, a.size) == 0;
}

/* The part of REST up to a blank, which is taken off; size 0 where there is none. */
static part next_part(part *rest) {
  const char *blank = memchr(rest->at, ' ', rest->size);
  part p = {rest->at, blank ? (size_t)(blank - rest->at) : 0};
  if (!blank)
    return p;
  rest->at += p.size + 1;
  rest->size -= p.size + 1;
  return p;
}

/* Decimal without sign or leading zeros, at most MAX; -1 otherwise. */
static int64_t number(part p, int64_t max) {
  int64_t value = 0;
  if (p.size == 0 || p.size > 15 || (p.at[0] == '0' && p.size > 1))
    return -1;
  for (size_t i = 0; i < p.size; i++) {
    if (p.at[i] < '0' || p.at[i] > '9')
      return -1;
    value = value * 10 + (p.at[i] - '0');
  }
  return value <= max ? value : -1;
}

static int64_t seconds(part p) {
  int64_t value = number(p, STATEMENT_SECONDS_MAX);
  return value % STATEMENT_TICK == 0 ? value : -1;
}

static int is_path_character(char c) {
  static const uint8_t allowed[256] = {
      ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['.'] = 1,
      ['_'] = 1,         ['~'] = 1,         [':'] = 1,         ['@'] = 1,
      ['+'] = 1,         ['/'] = 1,         ['-'] = 1,
  };
  return allowed[(uint8_t)c];
}

static int is_segment(const char *at, size_t size) {
  if (size == 0 || (size == 1 && at[0] == '.'))
    return 0;
  return !(size == 2 && at[0] == '.' && at[1] == '.');
}

/* Segments of [A-Za-z0-9._~:@+-] between slashes; none empty, `.` or `..`. */
static int is_path(part p) {
  size_t start = 0;
  for (size_t i = 0; i <= p.size; i++) {
    if (i < p.size && !is_path_character(p.at[i]))
      return 0;
    if (i < p.size && p.at[i] != '/')
      continue;
    if (!is_segment(p.at + start, i - start))
      return 0;
    start = i + 1;
  }
  return 1;
}

static int is_hash_string(part p) {
  uint8_t hash[CORE_HASH_SIZE];
  if (p.size != 45 || p.at[0] != '"' || p.at[44] != '"')
    return 0;
  return text_unbase64url(p.at + 1, 43, hash, sizeof hash) == sizeof hash;
}

static const char *check_verb_and_data(struct statement *st, const char **why) {
  st->is_dismissal = equals(st->verb, "dismiss");
  if (!st->is_dismissal && !equals(st->verb, "propose"))
    return *why = "unknown verb", "form";
  if (st->is_dismissal && !equals(st->data, "null") && !is_hash_string(st->data))
    return *why = "a dismissal's data is null or a hash", "form";
  return json_check(st->data.at, st->data.size, why) ? "form" : NULL;
}

static const char *check_places(struct statement *st, const char **why) {
  if (st->bucket.size > CORE_BUCKET_MAX)
    return *why = "bucket", "long";
  if (st->key.size > CORE_KEY_MAX)
    return *why = "key", "long";
  if (!is_path(st->bucket))
    return *why = "bucket", "form";
  if (!is_path(st->key))
    return *why = "key", "form";
  if (same(st->key, st->signer))
    return *why = "a key equal to the signer is spelled '-'", "form";
  if (equals(st->key, "-"))
    st->key = st->signer;
  return NULL;
}

static const char *check_numbers(struct statement *st, part from, part until, part at,
                                 const char **why) {
  st->valid_from = seconds(from);
  st->valid_until = seconds(until);
  st->at = number(at, STATEMENT_AT_MAX);
  if (st->valid_from < 0 || st->valid_until < 0)
    return *why = "FROM or UNTIL", "form";
  if (st->at < 0)
    return *why = "AT", "form";
  if (st->valid_from > st->valid_until)
    return *why = "ends before it begins", "window";
  return NULL;
}

/* pri/ID/... is written by ID only; a `peer` word is spoken about oneself. */
static const char *check_owner(const struct statement *st, const char **why) {
  part rest = st->bucket;
  *why = "another's bucket";
  if (rest.size >= 3 && memcmp(rest.at, "pri", 3) == 0 &&
      (rest.size == 3 || rest.at[3] == '/')) {
    if (rest.size < 4 + st->signer.size)
      return "owner";
    if (memcmp(rest.at + 4, st->signer.at, st->signer.size))
      return "owner";
    if (rest.size > 4 + st->signer.size && rest.at[4 + st->signer.size] != '/')
      return "owner";
  }
  if (equals(st->bucket, "peer") && !st->is_dismissal && !same(st->key, st->signer))
    return "owner";
  return NULL;
}

static const char *check_signature(struct statement *st, part signature,
                                   const char **why) {
  *why = "signature";
  if (signature.size != KEY_SIGNATURE_TEXT)
    return "form";
  int64_t size =
      text_unbase64url(signature.at, signature.size, st->signature, CORE_SIGNATURE_SIZE);
  return size == CORE_SIGNATURE_SIZE ? NULL : "form";
}

const char *statement_parse(const char *line, size_t size, struct statement *st,
                            const char **why) {
  part rest = {line, size}, signature, from, until, at;
  const char *word;
  st->is_whole = 0;
  if (size > CORE_STATEMENT_MAX)
    return *why = "a statement has at most 1024 bytes", "long";
  st->line = rest;
  signature = next_part(&rest);
  st->text = rest;
  st->verb = next_part(&rest);
  st->bucket = next_part(&rest);
  st->key = next_part(&rest);
  from = next_part(&rest);
  until = next_part(&rest);
  at = next_part(&rest);
  st->signer = next_part(&rest);
  st->data = rest;
  if (key_public_of_id(st->signer.at, st->signer.size, st->public))
    return *why = "signer", "form";
  if ((word = check_numbers(st, from, until, at, why)))
    return word;
  if ((word = check_places(st, why)))
    return word;
  if ((word = check_verb_and_data(st, why)))
    return word;
  if ((word = check_owner(st, why)))
    return word;
  if ((word = check_signature(st, signature, why)))
    return word;
  hash_blake2b(line, size, NULL, 0, st->id);
  st->is_whole = 1;
  return NULL;
}

const char *statement_verify(const struct statement *st, const char *swarm,
                             size_t swarm_size) {
  struct key_message m = {KIND,       swarm,        st->text.at, sizeof KIND - 1,
                          swarm_size, st->text.size};
  return key_verify(st->public, &m, st->signature);
}

/* ---- Lua ---- */

struct box {
  struct statement st;
  char line[CORE_STATEMENT_MAX]; /* as much of it as the line needs */
};

const struct statement *statement_argument(lua_State *L, int index) {
  return luaL_checkudata(L, index, CLASS);
}

int statement_push(lua_State *L, const char *line, size_t size) {
  const char *why = "";
  if (size > CORE_STATEMENT_MAX)
    return core_fail(L, "long", "a statement of %d bytes", (int)size);
  struct box *b = lua_newuserdatauv(L, offsetof(struct box, line) + size, 0);
  memcpy(b->line, line, size);
  const char *word = statement_parse(b->line, size, &b->st, &why);
  if (word)
    return core_fail(L, word, "%s", why);
  luaL_setmetatable(L, CLASS);
  return 1;
}

/* statement.parse(line) -> statement | nil, message, "form"|"long"|"window"|"owner" */
static int f_parse(lua_State *L) {
  size_t size;
  const char *line = luaL_checklstring(L, 1, &size);
  return statement_push(L, line, size);
}

static const char *text_field(lua_State *L, int fields, const char *name) {
  if (lua_getfield(L, fields, name) != LUA_TSTRING)
    luaL_error(L, "field '%s' must be a string", name);
  return lua_tostring(L, -1); /* stays on the stack, and so alive */
}

/* Pushes the text to be signed, of the fields at index FIELDS; KEY is spelled `-` where
 * it is SIGNER. → 0, or how many values say that it is too long */
static int push_text(lua_State *L, int fields, const char *signer) {
  const char *verb = text_field(L, fields, "verb");
  const char *bucket = text_field(L, fields, "bucket");
  const char *key = text_field(L, fields, "key"), *data = text_field(L, fields, "data");
  lua_pushfstring(L, "%s %s %s %I %I %I %s %s", verb, bucket,
                  strcmp(key, signer) ? key : "-",
                  (LUAI_UACINT)core_field_integer(L, fields, "valid_from", -1),
                  (LUAI_UACINT)core_field_integer(L, fields, "valid_until", -1),
                  (LUAI_UACINT)core_field_integer(L, fields, "at", -1), signer, data);
  size_t size = lua_rawlen(L, -1) + KEY_SIGNATURE_TEXT + 1; /* of the line */
  if (size > CORE_STATEMENT_MAX)
    return core_fail(L, "long", "a statement of %d bytes", (int)size);
  return 0;
}

/* statement.sign(key, swarm, {verb=, bucket=, key=, valid_from=, valid_until=, at=,
 * data=text})
 * -> statement | nil, message, "long"; throws where the fields make no statement. */
static int f_sign(lua_State *L) {
  const struct key *k = key_argument(L, 1);
  char signer[KEY_ID_SIZE + 1] = "", signature[KEY_SIGNATURE_TEXT + 1];
  struct key_message m = {.kind = KIND, .kind_size = sizeof KIND - 1};
  size_t size;
  m.swarm = luaL_checklstring(L, 2, &m.swarm_size);
  luaL_checktype(L, 3, LUA_TTABLE);
  key_id_of_public(key_public(k), signer);
  int failed = push_text(L, 3, signer);
  if (failed)
    return failed;
  m.text = lua_tolstring(L, -1, &m.text_size);
  if (key_sign(k, &m, signature))
    return luaL_argerror(L, 2, "not the name of a swarm");
  lua_pushfstring(L, "%s %s", signature, m.text); /* no field holds a zero byte */
  const char *line = lua_tolstring(L, -1, &size);
  if (statement_push(L, line, size) == 1)
    return 1;
  return luaL_error(L, "no statement: %s", lua_tostring(L, -2));
}

/* statement.text(signer's peer ID, the fields as for sign) -> what SIGNER has to sign, in
 * the swarm that is named before it: a line is the signature, a space and this text |
 * nil, message, "long". */
static int f_signed_text(lua_State *L) {
  const char *signer = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  int failed = push_text(L, 2, signer);
  return failed ? failed : 1;
}

/* statement:verify(swarm) -> true | nil, message, "signature"|"key"|"form" */
static int f_verify(lua_State *L) {
  size_t size;
  const char *swarm = luaL_checklstring(L, 2, &size);
  const char *word = statement_verify(statement_argument(L, 1), swarm, size);
  if (word)
    return core_fail(L, word, "the statement does not count in swarm %s", swarm);
  lua_pushboolean(L, 1);
  return 1;
}

/* Fields that are parts of the line, integers, and bytes, by their place in the struct.
 */
enum field_type { PART, SIZE, INTEGER, BYTES };

static const struct field {
  const char *name;
  enum field_type type;
  size_t offset, size;
} fields[] = {
    {"verb",        PART,    offsetof(struct statement, verb),        0                 },
    {"bucket",      PART,    offsetof(struct statement, bucket),      0                 },
    {"key",         PART,    offsetof(struct statement, key),         0                 },
    {"signer",      PART,    offsetof(struct statement, signer),      0                 },
    {"data",        PART,    offsetof(struct statement, data),        0                 },
    {"text",        PART,    offsetof(struct statement, text),        0                 },
    {"line",        PART,    offsetof(struct statement, line),        0                 },
    {"size",        SIZE,    offsetof(struct statement, line),        0                 },
    {"at",          INTEGER, offsetof(struct statement, at),          0                 },
    {"valid_from",  INTEGER, offsetof(struct statement, valid_from),  0                 },
    {"valid_until", INTEGER, offsetof(struct statement, valid_until), 0                 },
    {"id",          BYTES,   offsetof(struct statement, id),          CORE_HASH_SIZE    },
    {"short",       BYTES,   offsetof(struct statement, id),          CORE_SHORT_ID_SIZE},
    {"public",      BYTES,   offsetof(struct statement, public),      CORE_PUBLIC_SIZE  },
};

static int push_field(lua_State *L, const struct statement *st, const struct field *f) {
  const char *at = (const char *)st + f->offset;
  const part *p = (const part *)(const void *)at;
  if (f->type == PART)
    lua_pushlstring(L, p->at, p->size);
  if (f->type == SIZE)
    lua_pushinteger(L, (lua_Integer)p->size);
  if (f->type == INTEGER)
    lua_pushinteger(L, *(const int64_t *)(const void *)at);
  if (f->type == BYTES)
    lua_pushlstring(L, at, f->size);
  return 1;
}

/* statement.NAME: upvalue 1 has methods, and for fields their place in FIELDS. */
static int f_index(lua_State *L) {
  const struct statement *st = statement_argument(L, 1);
  lua_settop(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNUMBER)
    return 1;
  return push_field(L, st, &fields[lua_tointeger(L, -1)]);
}

static const luaL_Reg methods[] = {
    {"verify", f_verify},
    {NULL,     NULL    }
};

static const luaL_Reg functions[] = {
    {"parse", f_parse      },
    {"sign",  f_sign       },
    {"text",  f_signed_text},
    {NULL,    NULL         }
};

static void set_index(lua_State *L) {
  luaL_getmetatable(L, CLASS);
  lua_getfield(L, -1, "__index");
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushinteger(L, (lua_Integer)i);
    lua_setfield(L, -2, fields[i].name);
  }
  lua_pushcclosure(L, f_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

int luaopen_core_statement(lua_State *L) {
  core_class(L, CLASS, methods);
  set_index(L);
  luaL_newlib(L, functions);
  return 1;
}
