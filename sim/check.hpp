#pragma once

#include <cstdio>
#include <cstdlib>

/// Our own mistakes, never the user's: on in release too, because a wrong answer costs more than a
/// stopped run. A user's input must not be able to reach one; that is a list of `Finding`s.
#define ORRERY_CHECK(condition)                                                                            \
  do {                                                                                                     \
    if (!(condition)) {                                                                                    \
      std::fprintf(stderr, "%s:%d: this is a fault in orrery, please report it: %s\n", __FILE__, __LINE__, \
                   #condition);                                                                            \
      std::abort();                                                                                        \
    }                                                                                                      \
  } while (false)
