/* replace.c - a whole file put in another's place, on a thread. No content of its
 * own. */
#include "core.h"
#include "disk.h"
#include "worker/worker.h"

typedef struct {
  worker_job job;
  disk *disk;
  const char *path, *bytes; /* Lua's, held by the handle */
  size_t size;
  int mode, status; /* 0 or -errno */
  bool ran;
} replace_job;

static void run(worker_job *job) {
  replace_job *r = (replace_job *)job;
  r->ran = true;
  r->status = disk_replace(r->disk, r->path, r->bytes, r->size, r->mode);
}

static void finish(lua_State *L, worker_job *job) {
  replace_job *r = (replace_job *)job;
  if (!r->ran)
    core_fail(L, "closed", "%s: not begun", r->path);
  else if (r->status < 0)
    core_fail_errno(L, -r->status, r->path);
  else
    return;
  core_set_failure(L);
}

/* replacing(pool, { disk =, path =, bytes =, mode = 0600 }[, done]) → job | nil, text,
 * word: disk:replace on the pool's thread. Its result has error and word when that
 * failed; "closed": not begun. The table is not to be changed until then. A disk in
 * memory is for inline pools only. */
int disk_lua_replacing(lua_State *L) {
  replace_job *r;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  r = (replace_job *)worker_job_new(L, sizeof *r);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 4, 1);
  lua_getfield(L, 2, "disk");
  r->disk = disk_check(L, 5);
  lua_getfield(L, 2, "path");
  r->path = luaL_checkstring(L, 6);
  lua_getfield(L, 2, "bytes");
  luaL_argcheck(L, lua_type(L, 7) == LUA_TSTRING, 2, "bytes");
  r->bytes = lua_tolstring(L, 7, &r->size);
  r->mode = (int)core_field_integer(L, 2, "mode", 0600);
  r->job.run = run;
  r->job.finish = finish;
  return worker_submit(L, 1, 4, 3);
}
