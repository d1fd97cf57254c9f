/* text.h - what other rooms use of this one. Declares nothing itself. */
#ifndef TEXT_H
#define TEXT_H

#include "cid.h"
#include "codecs.h"
#include "json.h"

#endif
