#pragma once

namespace orrery {

/// From now on freed memory stays with the process. Arrays of the reference come and go by the thousand;
/// handing each back to the system and taking it again costs more than all arithmetic on it (a cost court: 51
/// seconds against 27).
void keep_freed_memory();

}  // namespace orrery
