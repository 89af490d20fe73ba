// A bare number does not become bytes in silence.
#include "sim/units.hpp"

using namespace orrery;

#ifdef WRONG
Bytes size = 4096;
#else
Bytes size{4096};
#endif
