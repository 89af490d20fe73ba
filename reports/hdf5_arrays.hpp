#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reports/hdf5.hpp"
#include "sim/finding.hpp"

namespace orrery {

/// Whole numbers from 0 to 65,535 in a box, and what is said about the file that holds them.
struct WholeArray {
  struct Dimension {
    std::string name;
    std::int64_t length = 0;
    bool operator==(const Dimension&) const = default;
  };
  struct Number {
    std::string name;
    std::int64_t value = 0;
    bool operator==(const Number&) const = default;
  };
  std::string name, meaning;
  std::vector<Dimension> dimensions;
  std::vector<std::uint16_t> values;  ///< The last dimension runs fastest.
  std::vector<Number> numbers;        ///< Attributes of the file.
  std::vector<Attribute> texts;
};

/// The array as the bytes of an HDF5 file that is a netCDF-4 file as well; same input, same bytes.
///
/// One uint16 dataset at the root, with `long_name`, its dimensions as dimension scales without coordinates
/// (as netCDF writes them); chunks of up to 512 Ki values, shuffled, deflated, with Fletcher-32 sums. Root
/// attributes: `Conventions`, then the texts, then the numbers as int64.
///
/// Checked  tests/reports/hdf5_arrays_test.cpp reads back by h5py, xarray and `read_hdf5_array`, exactly.
/// Precondition: lengths are positive and their product is the number of values; names are distinct.
std::string to_hdf5(const WholeArray& array);

/// What a reader expects of a file. Attributes and dimensions come back in this order.
struct WantedArray {
  std::string name;
  std::vector<std::string> dimensions, numbers;
  std::vector<std::string> texts;  ///< Empty where the file has none.
};
constexpr std::int64_t most_values_read = std::int64_t(1) << 26;

/// The array in the file's bytes, or what is wrong with them: not HDF5, truncated, damaged; no such dataset,
/// another type or number of dimensions; an attribute missing. Findings have no key.
///
/// The HDF5 library is not safe on damaged files: some make it read outside its memory or run for ever. So it
/// works in a process of its own, with limits on time and memory; when that process dies, the file is called
/// damaged.
///
/// Checked  tests/reports/hdf5_arrays_test.cpp: files cut off and with bytes changed at random.
Checked<WholeArray> read_hdf5_array(std::string_view bytes, const WantedArray& wanted);

}  // namespace orrery
