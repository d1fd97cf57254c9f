/* core.h - what all core modules share: limits, words, errors, the list. No module's
 * inside. */
#ifndef CORE_H
#define CORE_H

#include <stddef.h>
#include <stdint.h>
#include <lua.h>
#include <lauxlib.h>

/* Times and sizes are int64_t everywhere: never time_t, size_t or long in a format. */

/* Limits of the protocol, in bytes unless said otherwise (spec/PROTOCOL.md); Lua has them
 * as `limits` of `core`. They are spelled here and nowhere else: a statement
 * line with its signature and without its line feed, a UDP frame, an envelope line on a
 * stream, a multiaddr as text. */
#define CORE_STATEMENT_MAX 1024
#define CORE_STATEMENTS_MAX 256 /* of a frame */
#define CORE_DATAGRAM_MAX 1200
#define CORE_LINE_MAX 8192
#define CORE_ADDRESS_MAX 512
#define CORE_BUCKET_MAX 160
#define CORE_KEY_MAX 160
#define CORE_JSON_DEPTH 8

/* BLAKE2b-256 and SHA-256; the first bytes of a statement's ID, as `ids` and `want` name
 * it; a key; a signature. */
#define CORE_HASH_SIZE 32
#define CORE_SHORT_ID_SIZE 16
#define CORE_PUBLIC_SIZE 32
#define CORE_SIGNATURE_SIZE 64

/* The one closed list of refusal words: C, Lua, `status`, specs and the protocol page use
 * these and no others. A word is followed by what a person would say for it. */
#define CORE_WORDS(X)                                                                    \
  X(form, "not of the form that the protocol gives")                                     \
  X(long, "longer than the limit")                                                       \
  X(length, "not as long as it was said to be")                                          \
  X(redirect, "sent elsewhere, where nobody vouches for it")                             \
  X(host, "addressed to a name, where only addresses are answered")                      \
  X(kind, "an envelope of unknown kind")                                                 \
  X(class, "its bucket belongs to no class here")                                        \
  X(size, "larger than its class allows")                                                \
  X(window, "valid for longer than its class allows, or ends before it begins")          \
  X(owner, "the bucket is written by its owner only")                                    \
  X(ended, "no longer remembered by anybody")                                            \
  X(future, "stamped further ahead than ten minutes")                                    \
  X(duplicate, "held already")                                                           \
  X(older, "a newer word stands in its slot")                                            \
  X(key, "the signer's key is not a point of prime order")                               \
  X(signature, "the signature does not fit")                                             \
  X(quota, "its signer or source has used up the room for it")                           \
  X(law, "spoken under other class constants")                                           \
  X(replay, "said before: its counters did not grow")                                    \
  X(nonce, "answers no question that was asked here")                                    \
  X(hops, "passed on too often")                                                         \
  X(address, "no such component or way")                                                 \
  X(unproved, "the address has not been proved")                                         \
  X(budget, "over the budget of its channel")                                            \
  X(full, "a bounded queue was full")                                                    \
  X(pause, "no files are given for now, by its policy")                                  \
  X(slow, "took too long")                                                               \
  X(closed, "the other side has gone")                                                   \
  X(disk, "the disk refused")                                                            \
  X(block, "the block does not have its CID")                                            \
  X(missing, "not held here")                                                            \
  X(moved, "the file changed meanwhile")                                                 \
  X(link, "not a regular file beneath the folder")                                       \
  X(pipe, "a pipe, a socket or a device, which holds no bytes to share")                 \
  X(deep, "more folders deep than is looked")                                            \
  X(away, "the file system or folder that it lies in is not there")                      \
  X(name, "a name that a record cannot hold")                                            \
  X(permission, "the owner or the policy does not allow it")                             \
  X(policy, "a hook failed")                                                             \
  X(version, "from a version that this one does not know")                               \
  X(ambiguous, "fits more than one thing")                                               \
  X(stranger, "its signer is no member of the lab")                                      \
  X(threshold, "not enough of the keys that must sign it have signed")                   \
  X(swarm, "of another swarm or lab")                                                    \
  X(certificate, "no certificate of that host which this system vouches for")            \
  X(proxy, "the proxy does not answer, or does not let one through")                     \
  X(role, "signed by a key that may not say it")                                         \
  X(seq, "a release not after the one that is here, or too far ahead of it")             \
  X(target, "not for this machine, or not for what is installed on it")                  \
  X(conflict, "two different things are signed where only one may be")                   \
  X(clock, "the time is not known well enough for it")

/* Pushes nil, "word: text", "word" and returns 3. WORD is one of CORE_WORDS or an errno
 * name. */
int core_fail(lua_State *L, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for an errno: nil, "EADDRINUSE: what: text", "EADDRINUSE". */
int core_fail_errno(lua_State *L, int err, const char *what);

/* Name of an errno such as "ENOENT"; "EUNKNOWN" where libc has none. */
const char *core_errno_name(int err);

/* A new full userdata of SIZE zeroed bytes with metatable NAME (made with core_class). */
void *core_new(lua_State *L, const char *name, size_t size);

/* Registers a metatable NAME with METHODS as its __index; entries that begin with "__" go
 * into the metatable itself. */
void core_class(lua_State *L, const char *name, const luaL_Reg *methods);

/* Reads integer field NAME of the table at INDEX, or FALLBACK where it is nil; throws
 * otherwise. */
lua_Integer core_field_integer(lua_State *L, int index, const char *name,
                               lua_Integer fallback);

/* Whether field NAME of the table at INDEX is neither nil nor false. */
int core_field_boolean(lua_State *L, int index, const char *name);

/* Sets field NAME of the table on top. */
void core_set_integer(lua_State *L, const char *name, int64_t value);
void core_set_boolean(lua_State *L, const char *name, int value);
void core_set_text(lua_State *L, const char *name, const char *value);

/* Pops what core_fail pushed, into the fields `error` and `word` of the table beneath it.
 */
void core_set_failure(lua_State *L);

/* Modules linked into the binary and core.so: luaopen_core_NAME, required as "core.NAME";
 * the list is modules.inc. core.http stands apart, in a .so of its own, loaded when first
 * used; so do core.sim and core.spec, which no robot has. */
#define X(name) int luaopen_core_##name(lua_State *L);
#include "modules.inc"
#undef X
int luaopen_core(lua_State *L);

#endif
