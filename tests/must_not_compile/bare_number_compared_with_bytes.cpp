// A limit has a unit.
#include "sim/units.hpp"

using namespace orrery;
using namespace orrery::literals;

#ifdef WRONG
bool fits(Bytes size) { return size < 4096; }
#else
bool fits(Bytes size) { return size < 4096_B; }
#endif
