#include "reports/hdf5.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <set>

#include "reports/faults.hpp"
#include "reports/hdf5_handle.hpp"
#include "reports/unicode.hpp"

namespace orrery {
namespace {

constexpr unsigned creation_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
constexpr hsize_t rows_worth_packing = 1024;
constexpr hsize_t chunk_rows = 32'768;  // 256 KiB of eight-byte values.

/// The library takes a zero byte for the end of a string.
std::string storable(const std::string& text) {
  std::string result;
  for (const char c : valid_utf8(text)) result += c == '\0' ? "\uFFFD" : std::string(1, c);
  return result;
}

Hdf5Handle string_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  hdf5_check(H5Tset_size(type, H5T_VARIABLE));
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8));
  return type;
}

/// Names and attributes as UTF-8 and in the order they were made; no times of day.
Hdf5Handle object_properties(hid_t kind) {
  Hdf5Handle properties(H5Pcreate(kind), H5Pclose);
  hdf5_check(H5Pset_attr_creation_order(properties, creation_order));
  hdf5_check(H5Pset_obj_track_times(properties, false));
  if (kind != H5P_DATASET_CREATE) hdf5_check(H5Pset_link_creation_order(properties, creation_order));
  return properties;
}

Hdf5Handle utf8_link() {
  Hdf5Handle properties(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  hdf5_check(H5Pset_char_encoding(properties, H5T_CSET_UTF8));
  return properties;
}

void write_attribute(hid_t object, const std::string& name, const std::string& value) {
  const Hdf5Handle properties(H5Pcreate(H5P_ATTRIBUTE_CREATE), H5Pclose);
  hdf5_check(H5Pset_char_encoding(properties, H5T_CSET_UTF8));
  const Hdf5Handle type = string_type();
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Handle attribute(H5Acreate2(object, name.c_str(), type, space, properties, H5P_DEFAULT),
                             H5Aclose);
  const std::string text = storable(value);
  const char* const pointer = text.c_str();
  hdf5_check(H5Awrite(attribute, type, &pointer));
}

/// Filters see only the references of strings, so those stay as they are.
enum class Packing { Numbers, Strings };

Hdf5Handle dataset_properties(hsize_t rows, Packing packing) {
  Hdf5Handle properties = object_properties(H5P_DATASET_CREATE);
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
  return {H5Dcreate2(group, name.c_str(), type, space, utf8_link(), properties, H5P_DEFAULT), H5Dclose};
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
  std::transform(values.begin(), values.end(), std::back_inserter(texts), storable);
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const Hdf5Handle type = string_type();
  const Hdf5Handle properties = dataset_properties(values.size(), Packing::Strings);
  Hdf5Handle dataset = create_dataset(group, name, type, values.size(), properties);
  if (!values.empty()) hdf5_check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()));
  return dataset;
}

void write_table(hid_t file, const Table& table) {
  const Hdf5Handle properties = object_properties(H5P_GROUP_CREATE);
  const Hdf5Handle group(H5Gcreate2(file, table.name.c_str(), utf8_link(), properties, H5P_DEFAULT),
                         H5Gclose);
  if (!table.meaning.empty()) write_attribute(group, "long_name", table.meaning);
  std::vector<Hdf5Handle> datasets;
  for (const Column& column : table.columns) {
    datasets.push_back(std::visit(
        [&](const auto& values) { return write_values(group, column.name, values); }, column.values));
    if (datasets.size() == 1) {
      hdf5_check(H5DSset_scale(datasets.front(), column.name.c_str()));
    } else {
      hdf5_check(H5DSattach_scale(datasets.back(), datasets.front(), 0));
    }
    if (!column.unit.empty()) write_attribute(datasets.back(), "units", column.unit);
    if (!column.meaning.empty()) write_attribute(datasets.back(), "long_name", column.meaning);
  }
}

/// The name is never used on a disk: nothing is stored behind the memory. The earliest superblock has
/// no checksum: from the 1.8 one on, images have a wrong one (HDFGroup/hdf5 pull request 5489), and no
/// reader takes them. Objects use the 1.8 format all the same, as creation order asks for it.
Hdf5Handle create_in_memory() {
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  hdf5_check(H5Pset_fapl_core(access, std::size_t(1) << 20, false));
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V110));
  const Hdf5Handle creation = object_properties(H5P_FILE_CREATE);
  return {H5Fcreate("in memory", H5F_ACC_TRUNC, creation, access), H5Fclose};
}

std::string image_of(hid_t file) {
  hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL));
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  ORRERY_CHECK(size > 0);
  std::string bytes(std::size_t(size), '\0');
  ORRERY_CHECK(H5Fget_file_image(file, bytes.data(), bytes.size()) == size);
  return bytes;
}

}  // namespace

std::string to_hdf5(const std::vector<Table>& tables, const std::vector<Attribute>& attributes) {
  std::set<std::string_view> names;
  for (const Table& table : tables) {
    ORRERY_CHECK(faults_of(table).empty());
    ORRERY_CHECK(names.insert(table.name).second);
  }
  const Hdf5Handle file = create_in_memory();
  write_attribute(file, "Conventions", "CF-1.10");
  for (const Attribute& attribute : attributes) write_attribute(file, attribute.name, attribute.value);
  for (const Table& table : tables) write_table(file, table);
  return image_of(file);
}

}  // namespace orrery
