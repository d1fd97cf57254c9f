/* sql_vfs.h - SQLite's file operations on a disk, for sql.c. No statement. */
#ifndef SQL_VFS_H
#define SQL_VFS_H

#include "disk.h"
#include <sqlite3.h>

typedef struct {
  sqlite3_vfs vfs;
  disk *disk;
  int status; /* of the last operation that failed: -errno */
  char name[40];
} sql_vfs;

/* Makes SQLite know V, by the name V->name, until sql_vfs_remove. 0 or SQLite's code. */
int sql_vfs_add(sql_vfs *v, disk *d);
void sql_vfs_remove(sql_vfs *v);

#endif
