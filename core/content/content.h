/* content.h - what other rooms use of this one. Declares nothing itself. */
#ifndef CONTENT_H
#define CONTENT_H

#include "safe_open.h"
#include "unixfs.h"

#endif
