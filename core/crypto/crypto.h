/* crypto.h - what other rooms use of this one. Declares nothing itself. */
#ifndef CRYPTO_H
#define CRYPTO_H

#include "hash.h"
#include "key.h"
#include "seal.h"

#endif
