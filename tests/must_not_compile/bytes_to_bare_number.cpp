// Bytes do not lose their unit in silence.
#include "sim/units.hpp"

using namespace orrery;

#ifdef WRONG
long long count(Bytes size) { return size; }
#else
long long count(Bytes size) { return size.value(); }
#endif
