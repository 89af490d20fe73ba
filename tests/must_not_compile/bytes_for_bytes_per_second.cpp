// A size is not a rate.
#include "sim/time.hpp"

using namespace orrery;
using namespace orrery::literals;

Seconds transfer(Bytes size, BytesPerSecond rate) { return size / rate; }

#ifdef WRONG
Seconds time = transfer(5_GB, 50_GB);
#else
Seconds time = transfer(5_GB, 50_GBps);
#endif
