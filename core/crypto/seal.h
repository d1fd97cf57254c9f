/* seal.h - the keys of a call for who seals and opens its boxes without Lua. No boxes. */
#ifndef SEAL_H
#define SEAL_H

#include "core.h"
#include <sodium.h>

#define SEAL_KEYS_SIZE (2 * crypto_kx_SESSIONKEYBYTES)

/* Of the core.seal keys at INDEX, which throws unless they are open: by which we read,
 * and behind them by which we write. */
const uint8_t *seal_keys(lua_State *L, int index);

#endif
