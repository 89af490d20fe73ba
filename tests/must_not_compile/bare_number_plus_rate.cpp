// A number added to a rate has no meaning; it only scales.
#include "sim/units.hpp"

using namespace orrery;

#ifdef WRONG
BytesPerSecond faster(BytesPerSecond rate) { return rate + 2.0; }
#else
BytesPerSecond faster(BytesPerSecond rate) { return rate * 2.0; }
#endif
