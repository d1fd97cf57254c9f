/* sql.c - one SQLite database on a disk of ours: statements with their values, all or
 * none, in the loop or on a worker's thread. No table of its own, no meaning. */
#include "core.h"
#include "sql_vfs.h"
#include "worker/worker.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SQL "core.sql"
#define VALUES_MAX 64 /* of a statement */

/* Nobody else opens it (the state folder is locked), so SQLite needs no memory that
 * processes share; NORMAL: a power cut may cost the newest transactions, never the file.
 */
#define SETTINGS                                                                         \
  "PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"     \
  "PRAGMA temp_store=MEMORY;PRAGMA cache_size=-1024;PRAGMA cell_size_check=ON;"

typedef struct {
  sqlite3 *handle; /* NULL: closed */
  sql_vfs vfs;
  bool is_added;
} database;

/* One value, or a statement's text at its beginning. */
typedef struct {
  enum { VALUE_NULL, VALUE_INTEGER, VALUE_TEXT, VALUE_STATEMENT } kind;
  int64_t number; /* of values that follow, for a statement */
  const char *text;
  size_t size;
} value;

/* Rows as they were read, for Lua later: N names, then for each row N values. */
typedef struct {
  char *bytes;
  size_t used, room;
} rows;

typedef struct {
  worker_job job;
  database *db;
  bool ran, sync;
  int code, status; /* SQLite's; the disk's, 0 or -errno */
  char text[160];
  rows rows;
  size_t count;
  value values[]; /* texts are Lua's, held by the handle */
} sql_job;

/* == rows, from a thread to Lua == */

static int rows_put(rows *r, const void *bytes, size_t size) {
  if (r->used + size > r->room) {
    size_t room = r->room * 2 + size + 1024;
    char *grown = realloc(r->bytes, room);
    if (!grown)
      return SQLITE_NOMEM;
    r->bytes = grown;
    r->room = room;
  }
  memcpy(r->bytes + r->used, bytes, size);
  r->used += size;
  return SQLITE_OK;
}

static int rows_text(rows *r, char kind, const void *text, int64_t size) {
  int code = rows_put(r, &kind, 1);
  if (code == SQLITE_OK)
    code = rows_put(r, &size, sizeof size);
  return code == SQLITE_OK && size > 0 ? rows_put(r, text, (size_t)size) : code;
}

static int rows_cell(rows *r, sqlite3_stmt *s, int i) {
  sqlite3_int64 number = sqlite3_column_int64(s, i);
  int code;
  if (sqlite3_column_type(s, i) != SQLITE_INTEGER)
    return rows_text(r, 't', sqlite3_column_text(s, i), sqlite3_column_bytes(s, i));
  code = rows_put(r, "i", 1);
  return code == SQLITE_OK ? rows_put(r, &number, sizeof number) : code;
}

/* A row begins with `r`; each value has its column's name before it. */
static int rows_add(rows *r, sqlite3_stmt *s) {
  int code = rows_put(r, "r", 1);
  for (int i = 0; code == SQLITE_OK && i < sqlite3_column_count(s); i++) {
    const char *name = sqlite3_column_name(s, i);
    if (sqlite3_column_type(s, i) == SQLITE_NULL)
      continue;
    code = name ? rows_text(r, 'n', name, (int64_t)strlen(name)) : SQLITE_NOMEM;
    if (code == SQLITE_OK)
      code = rows_cell(r, s, i);
  }
  return code;
}

static const char *push_text(lua_State *L, const char *at) {
  int64_t size;
  memcpy(&size, at, sizeof size);
  lua_pushlstring(L, at + sizeof size, (size_t)size);
  return at + sizeof size + size;
}

static const char *push_integer(lua_State *L, const char *at) {
  int64_t number;
  memcpy(&number, at, sizeof number);
  lua_pushinteger(L, number);
  return at + sizeof number;
}

/* Pushes an array of { column = value }; a value that is NULL is left out. */
static void rows_push(lua_State *L, const rows *r) {
  const char *at = r->bytes, *end = at ? at + r->used : at;
  lua_Integer n = 0;
  lua_newtable(L);
  lua_pushnil(L);
  while (at < end) {
    char kind = *at++;
    if (kind == 'r') {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -1);
      lua_rawseti(L, -3, ++n);
    } else if (kind == 'n') {
      at = push_text(L, at);
    } else {
      at = kind == 'i' ? push_integer(L, at) : push_text(L, at);
      lua_rawset(L, -3);
    }
  }
  lua_pop(L, 1);
}

/* == statements, on whatever thread == */

static int bind(sqlite3_stmt *s, const value *values, int64_t count) {
  int code = SQLITE_OK;
  for (int i = 0; code == SQLITE_OK && i < count; i++) {
    const value *v = &values[i];
    if (v->kind == VALUE_INTEGER)
      code = sqlite3_bind_int64(s, i + 1, v->number);
    else if (v->kind == VALUE_TEXT)
      code = sqlite3_bind_text(s, i + 1, v->text, (int)v->size, SQLITE_STATIC);
  }
  return code;
}

static int run_one(sql_job *q, const value *statement) {
  sqlite3_stmt *s = NULL;
  int code =
      sqlite3_prepare_v2(q->db->handle, statement->text, (int)statement->size, &s, NULL);
  if (code == SQLITE_OK)
    code = bind(s, statement + 1, statement->number);
  while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
    code = rows_add(&q->rows, s);
  sqlite3_finalize(s);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int execute(database *db, const char *text) {
  return sqlite3_exec(db->handle, text, NULL, NULL, NULL);
}

/* SQLite's words for what failed, and the disk's errno, before anything else runs. */
static void note_failure(sql_job *q, int code) {
  q->code = code;
  q->status = q->db->vfs.status;
  snprintf(q->text, sizeof q->text, "%s", sqlite3_errmsg(q->db->handle));
}

static void run_all(sql_job *q) {
  int code = execute(q->db, "BEGIN");
  for (size_t i = 0; code == SQLITE_OK && i < q->count; i++)
    if (q->values[i].kind == VALUE_STATEMENT)
      code = run_one(q, &q->values[i]);
  if (code == SQLITE_OK)
    code = execute(q->db, "COMMIT");
  if (code == SQLITE_OK)
    return;
  note_failure(q, code);
  if (!sqlite3_get_autocommit(q->db->handle))
    execute(q->db, "ROLLBACK");
}

static void sql_run(worker_job *job) {
  sql_job *q = (sql_job *)job;
  q->ran = true;
  if (!q->db->handle)
    return;
  q->db->vfs.status = 0;
  if (q->sync)
    execute(q->db, "PRAGMA synchronous=FULL");
  run_all(q);
  if (q->sync)
    execute(q->db, "PRAGMA synchronous=NORMAL");
}

static void sql_release(worker_job *job) {
  sql_job *q = (sql_job *)job;
  free(q->rows.bytes);
  q->rows = (rows){0};
}

/* == Lua == */

static int fail(lua_State *L, int code, int status, const char *text) {
  switch (code & 0xff) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return core_fail(L, "form", "the database is damaged: %s", text);
  case SQLITE_ERROR: /* such as a table that is not there */
    return core_fail(L, "form", "the database is not what it should be: %s", text);
  case SQLITE_NOMEM:
    return core_fail_errno(L, ENOMEM, text);
  case SQLITE_FULL:
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
    return core_fail_errno(L, status < 0 ? -status : EIO, text);
  default:
    return core_fail(L, "disk", "%s", text);
  }
}

static int push_failure(lua_State *L, const sql_job *q) {
  if (!q->ran || !q->db->handle)
    return core_fail(L, "closed", "the database");
  return fail(L, q->code, q->status, q->text);
}

static void sql_finish(lua_State *L, worker_job *job) {
  sql_job *q = (sql_job *)job;
  if (q->ran && q->db->handle && q->code == SQLITE_OK) {
    rows_push(L, &q->rows);
    lua_setfield(L, -2, "rows");
    return;
  }
  push_failure(L, q);
  core_set_failure(L);
}

static int close_database(database *db) {
  int code = db->handle ? sqlite3_close(db->handle) : SQLITE_OK;
  db->handle = NULL;
  if (db->is_added)
    sql_vfs_remove(&db->vfs);
  db->is_added = false;
  return code;
}

static int set_up(database *db) {
  int code = execute(db, SETTINGS);
  return code == SQLITE_OK ? execute(db, "SELECT count(*) FROM sqlite_schema") : code;
}

/* open(disk, path) → database | nil, text, word ("form": what lies there is none, or a
 * damaged one). */
static int sql_open(lua_State *L) {
  disk *d = disk_check(L, 1);
  const char *path = luaL_checkstring(L, 2);
  database *db = core_new(L, SQL, sizeof *db);
  int code, flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  lua_pushvalue(L, 1); /* the disk lives as long */
  lua_setiuservalue(L, -2, 1);
  code = sql_vfs_add(&db->vfs, d);
  db->is_added = code == SQLITE_OK;
  if (code == SQLITE_OK)
    code = sqlite3_open_v2(path, &db->handle, flags, db->vfs.name);
  if (code == SQLITE_OK)
    code = set_up(db);
  if (code == SQLITE_OK)
    return 1;
  lua_pushfstring(L, "%s: %s", path, sqlite3_errstr(code));
  flags = db->vfs.status;
  close_database(db);
  return fail(L, code, flags, lua_tostring(L, -1));
}

static void read_value(lua_State *L, value *v, bool is_statement) {
  int type = lua_type(L, -1);
  if (type == LUA_TNUMBER && !is_statement) {
    v->kind = VALUE_INTEGER;
    v->number = luaL_checkinteger(L, -1);
  } else if (type == LUA_TSTRING) {
    v->kind = is_statement ? VALUE_STATEMENT : VALUE_TEXT;
    v->text = lua_tolstring(L, -1, &v->size);
  } else if (type != LUA_TBOOLEAN || is_statement || lua_toboolean(L, -1)) {
    luaL_error(L, "a value must be a text, an integer or false");
  }
}

/* The statement with its values in the table on top, at V. Returns how many they are. */
static size_t read_statement(lua_State *L, value *v) {
  size_t count = lua_rawlen(L, -1);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    read_value(L, &v[i], i == 0);
    lua_pop(L, 1);
  }
  v->number = (int64_t)count - 1;
  return count;
}

static size_t count_values(lua_State *L, int list) {
  size_t sum = 0;
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, list); i++) {
    luaL_argcheck(L, lua_rawgeti(L, list, i) == LUA_TTABLE, list, "a statement");
    luaL_argcheck(L, lua_rawlen(L, -1) > 0 && lua_rawlen(L, -1) <= VALUES_MAX, list,
                  "a statement");
    sum += lua_rawlen(L, -1);
    lua_pop(L, 1);
  }
  return sum;
}

/* Pushes the job of the statements in the array at LIST for the database at DB; SHELL,
 * which has the array in it, and the database live as long. */
static sql_job *push_job(lua_State *L, int shell, int list, int db) {
  size_t at = 0, count = count_values(L, list);
  sql_job *q = (sql_job *)worker_job_new(L, sizeof *q + count * sizeof(value));
  lua_pushvalue(L, shell);
  lua_setiuservalue(L, -2, 1);
  q->db = luaL_checkudata(L, db, SQL);
  q->count = count;
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, list); i++) {
    lua_rawgeti(L, list, i);
    at += read_statement(L, &q->values[at]);
    lua_pop(L, 1);
  }
  q->job.run = sql_run;
  q->job.finish = sql_finish;
  q->job.release = sql_release;
  return q;
}

/* running(pool, { db =, list = { { statement, value … } … }, sync = }[, done]) → job |
 * nil, text, word. All of the list or none; a value is a text, an integer, or false for
 * NULL. sync: on the disk, not only in order, when it is done. Its result has rows =
 * array of { column = value }, or error and word. The table is not to be changed until
 * then. */
static int sql_running(lua_State *L) {
  sql_job *q;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  luaL_argcheck(L, lua_getfield(L, 2, "list") == LUA_TTABLE, 2, "list");
  lua_getfield(L, 2, "db");
  q = push_job(L, 2, 4, 5);
  q->sync = core_field_boolean(L, 2, "sync");
  return worker_submit(L, 1, 6, 3);
}

/* run(database, list[, sync]) → rows | nil, text, word: the same at once. */
static int sql_run_now(lua_State *L) {
  sql_job *q;
  luaL_checkudata(L, 1, SQL);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  q = push_job(L, 2, 2, 1);
  q->sync = lua_toboolean(L, 3);
  sql_run(&q->job);
  if (q->db->handle && q->code == SQLITE_OK)
    rows_push(L, &q->rows);
  sql_release(&q->job);
  return q->db->handle && q->code == SQLITE_OK ? 1 : push_failure(L, q);
}

/* close(database): what was written is in its one file, if the disk takes it. No job may
 * run then. */
static int sql_close(lua_State *L) {
  close_database(luaL_checkudata(L, 1, SQL));
  return 0;
}

static const luaL_Reg methods[] = {
    {"run",   sql_run_now},
    {"close", sql_close  },
    {"__gc",  sql_close  },
    {NULL,    NULL       }
};

static const luaL_Reg functions[] = {
    {"open",    sql_open   },
    {"running", sql_running},
    {NULL,      NULL       }
};

int luaopen_core_sql(lua_State *L) {
  core_class(L, SQL, methods);
  luaL_newlib(L, functions);
  return 1;
}
