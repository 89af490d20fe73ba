#pragma once

#include "reports/hdf5_arrays.hpp"

namespace orrery {

/// `read_hdf5_array` in this very process: for a caller that may be killed by a damaged file.
Checked<WholeArray> read_hdf5_array_here(std::string_view bytes, const WantedArray& wanted);

}  // namespace orrery
