#pragma once

namespace orrery {

/// From now on freed memory stays with the process, and the first 4 GiB of it come in large pages. Arrays of
/// the reference come and go by the thousand; handing each back to the system and taking it again costs more
/// than the arithmetic on it.
void keep_freed_memory();

}  // namespace orrery
