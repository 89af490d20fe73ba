// Costs and the clock meet only in to_picoseconds.
#include "sim/time.hpp"

using namespace orrery;

#ifdef WRONG
Picoseconds end(Picoseconds now, Seconds cost) { return now + cost; }
#else
Picoseconds end(Picoseconds now, Seconds cost) { return now + to_picoseconds(cost); }
#endif
