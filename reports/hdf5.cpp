#include "reports/hdf5.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <set>

#include "reports/faults.hpp"
#include "reports/hdf5_file.hpp"

namespace orrery {
namespace {

constexpr hsize_t rows_worth_packing = 1024;
constexpr hsize_t chunk_rows = 32'768;  // 256 KiB of eight-byte values.

/// Filters see only the references of strings, so those stay as they are.
enum class Packing { Numbers, Strings };

Hdf5Handle dataset_properties(hsize_t rows, Packing packing) {
  Hdf5Handle properties = hdf5_object_properties(H5P_DATASET_CREATE);
  const hsize_t chunk = std::clamp<hsize_t>(rows, 1, chunk_rows);
  const bool packed = packing == Packing::Numbers && rows >= rows_worth_packing;
  if (rows == 0 || packed) hdf5_check(H5Pset_chunk(properties, 1, &chunk));
  if (packed) {
    hdf5_check(H5Pset_shuffle(properties));
    hdf5_check(H5Pset_deflate(properties, 4));
    hdf5_check(H5Pset_fletcher32(properties));
  }
  return properties;
}

Hdf5Handle create_dataset(hid_t group, const std::string& name, hid_t type, hsize_t rows, hid_t properties) {
  const hsize_t most = rows == 0 ? H5S_UNLIMITED : rows;
  const Hdf5Handle space(H5Screate_simple(1, &rows, &most), H5Sclose);
  return {H5Dcreate2(group, name.c_str(), type, space, hdf5_utf8_link(), properties, H5P_DEFAULT), H5Dclose};
}

template <class Number>
Hdf5Handle write_numbers(hid_t group, const std::string& name, const std::vector<Number>& values,
                         hid_t in_file, hid_t in_memory) {
  const Hdf5Handle properties = dataset_properties(values.size(), Packing::Numbers);
  Hdf5Handle dataset = create_dataset(group, name, in_file, values.size(), properties);
  if (!values.empty()) hdf5_check(H5Dwrite(dataset, in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  return dataset;
}

Hdf5Handle write_values(hid_t group, const std::string& name, const std::vector<double>& values) {
  return write_numbers(group, name, values, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE);
}

Hdf5Handle write_values(hid_t group, const std::string& name, const std::vector<std::int64_t>& values) {
  return write_numbers(group, name, values, H5T_STD_I64LE, H5T_NATIVE_INT64);
}

Hdf5Handle write_values(hid_t group, const std::string& name, const std::vector<std::string>& values) {
  std::vector<std::string> texts;
  std::transform(values.begin(), values.end(), std::back_inserter(texts), hdf5_storable);
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const Hdf5Handle type = hdf5_string_type();
  const Hdf5Handle properties = dataset_properties(values.size(), Packing::Strings);
  Hdf5Handle dataset = create_dataset(group, name, type, values.size(), properties);
  if (!values.empty()) hdf5_check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()));
  return dataset;
}

void write_table(hid_t file, const Table& table) {
  const Hdf5Handle properties = hdf5_object_properties(H5P_GROUP_CREATE);
  const Hdf5Handle group(H5Gcreate2(file, table.name.c_str(), hdf5_utf8_link(), properties, H5P_DEFAULT),
                         H5Gclose);
  if (!table.meaning.empty()) hdf5_write_attribute(group, "long_name", table.meaning);
  std::vector<Hdf5Handle> datasets;
  for (const Column& column : table.columns) {
    datasets.push_back(std::visit(
        [&](const auto& values) { return write_values(group, column.name, values); }, column.values));
    if (datasets.size() == 1) {
      hdf5_check(H5DSset_scale(datasets.front(), column.name.c_str()));
    } else {
      hdf5_check(H5DSattach_scale(datasets.back(), datasets.front(), 0));
    }
    if (!column.unit.empty()) hdf5_write_attribute(datasets.back(), "units", column.unit);
    if (!column.meaning.empty()) hdf5_write_attribute(datasets.back(), "long_name", column.meaning);
  }
}

}  // namespace

std::string to_hdf5(const std::vector<Table>& tables, const std::vector<Attribute>& attributes) {
  std::set<std::string_view> names;
  for (const Table& table : tables) {
    ORRERY_CHECK(faults_of(table).empty());
    ORRERY_CHECK(names.insert(table.name).second);
  }
  const Hdf5Handle file = hdf5_create_in_memory();
  hdf5_write_attribute(file, "Conventions", "CF-1.10");
  for (const Attribute& attribute : attributes) hdf5_write_attribute(file, attribute.name, attribute.value);
  for (const Table& table : tables) write_table(file, table);
  return hdf5_image_of(file);
}

}  // namespace orrery
