// A queue of payloads that cannot be copied bit by bit would be slow in the hot loop.
#include <string>

#include "sim/event_queue.hpp"

#ifdef WRONG
orrery::EventQueue<std::string> queue;
#else
orrery::EventQueue<int> queue;
#endif
