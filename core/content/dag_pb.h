/* dag_pb.h - how nodes of files and folders are put together as bytes, for the files that
 * know their shape. */
#ifndef DAG_PB_H
#define DAG_PB_H

#include "text/text.h"
#include <stddef.h>
#include <stdint.h>

#define DAG_PB_NAME_MAX 32 /* longest name of a link, bytes */

/* Each writes at OUT, which has room, and returns the place behind it. A node is its
 * links, then its data. */

/* A link to CID, called NAME ("" or up to DAG_PB_NAME_MAX bytes); TREE: bytes of all
 * blocks beneath it, itself among them (Tsize). */
uint8_t *dag_pb_link(uint8_t *out, const uint8_t cid[CID_SIZE], const char *name,
                     int64_t tree);

/* Data of a file whose COUNT links (up to UNIXFS_LINKS) have SIZES bytes of content. */
uint8_t *dag_pb_file(uint8_t *out, const int64_t *sizes, int64_t count);

/* Data of a folder. */
uint8_t *dag_pb_folder(uint8_t *out);

#endif
