// Bytes and flops do not add.
#include "sim/units.hpp"

using namespace orrery;

#ifdef WRONG
Bytes sum(Bytes moved, Flops work) { return moved + work; }
#else
Bytes sum(Bytes moved, Bytes more) { return moved + more; }
#endif
