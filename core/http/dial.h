/* dial.h - streams through TLS and proxies, for core.http's table. Shares no requests
 * with http.c. */
#ifndef DIAL_H
#define DIAL_H

#include <lua.h>

/* Lua: dial{ host =, port =, tls =, proxy = "socks5h://HOST:PORT" or "http://HOST:PORT",
 * family = 4, 6 or nil: of the addresses that a name has, timeout_ms = } -> d | nil,
 * message, "form", "full" or an errno's name. The certificate must be one that the system
 * vouches for, of that host. d:fd() is readable once it has ended, then ask d:finished().
 */
int http_dial(lua_State *L);

/* Registers the class of its answers. */
void http_dial_class(lua_State *L);

#endif
