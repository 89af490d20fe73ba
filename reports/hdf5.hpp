#pragma once

#include <string>
#include <vector>

#include "reports/table.hpp"

namespace orrery {

/// Something said about a whole file: title, source, history, scenario_toml, seed.
struct Attribute {
  std::string name, value;
};

/// All tables as the bytes of one HDF5 file that is a valid netCDF-4 file as well: it opens by name in
/// h5py, xarray (both engines), ncdump and MATLAB. Same input, same bytes: no times, no paths.
///
/// A group a table, with `long_name`. In it a dataset a column, with `units` and `long_name`; the first
/// is the dimension scale of the others, so readers find it as the coordinate variable. Float64, int64
/// or UTF-8 strings of variable length. From 1,024 rows on, numbers are shuffled, deflated and carry
/// Fletcher-32 sums. A table without rows has an unlimited dimension, as netCDF knows no other of
/// length 0. Root attributes are `attributes` in their order, after `Conventions` = "CF-1.10".
///
/// Source   netCDF-4 specification, "Creating netCDF-4 files with HDF5": creation order is tracked for
///          links and attributes. Format bounds 1.8 to 1.10, so that old tools read it.
/// Checked  tests/reports/hdf5_test.cpp reads back by h5py, xarray and ncdump, exactly.
/// Leaves out  text with a zero byte (it becomes U+FFFD: the strings end at zero).
/// Precondition: `faults_of` every table is empty; table names are distinct, attribute names as well.
std::string to_hdf5(const std::vector<Table>& tables, const std::vector<Attribute>& attributes);

}  // namespace orrery
