// Bytes over a flop rate are nothing.
#include "sim/units.hpp"

using namespace orrery;

#ifdef WRONG
Seconds time(Bytes size, FlopsPerSecond rate) { return size / rate; }
#else
Seconds time(Bytes size, BytesPerSecond rate) { return size / rate; }
#endif
