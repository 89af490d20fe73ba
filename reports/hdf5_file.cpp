#include "reports/hdf5_file.hpp"

#include "reports/unicode.hpp"

namespace orrery {
namespace {

constexpr unsigned creation_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

void write_scalar(hid_t object, const std::string& name, hid_t in_file, hid_t in_memory, const void* value) {
  const Hdf5Handle properties(H5Pcreate(H5P_ATTRIBUTE_CREATE), H5Pclose);
  hdf5_check(H5Pset_char_encoding(properties, H5T_CSET_UTF8));
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Hdf5Handle attribute(H5Acreate2(object, name.c_str(), in_file, space, properties, H5P_DEFAULT),
                             H5Aclose);
  hdf5_check(H5Awrite(attribute, in_memory, value));
}

}  // namespace

std::string hdf5_storable(const std::string& text) {
  std::string result;
  for (const char c : valid_utf8(text)) result += c == '\0' ? "\uFFFD" : std::string(1, c);
  return result;
}

Hdf5Handle hdf5_string_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  hdf5_check(H5Tset_size(type, H5T_VARIABLE));
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8));
  return type;
}

Hdf5Handle hdf5_object_properties(hid_t kind) {
  Hdf5Handle properties(H5Pcreate(kind), H5Pclose);
  hdf5_check(H5Pset_attr_creation_order(properties, creation_order));
  hdf5_check(H5Pset_obj_track_times(properties, false));
  if (kind != H5P_DATASET_CREATE) hdf5_check(H5Pset_link_creation_order(properties, creation_order));
  return properties;
}

Hdf5Handle hdf5_utf8_link() {
  Hdf5Handle properties(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  hdf5_check(H5Pset_char_encoding(properties, H5T_CSET_UTF8));
  return properties;
}

void hdf5_write_attribute(hid_t object, const std::string& name, const std::string& value) {
  const Hdf5Handle type = hdf5_string_type();
  const std::string text = hdf5_storable(value);
  const char* const pointer = text.c_str();
  write_scalar(object, name, type, type, &pointer);
}

void hdf5_write_attribute(hid_t object, const std::string& name, std::int64_t value) {
  write_scalar(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

/// The name is never used on a disk: nothing is stored behind the memory. The earliest superblock has
/// no checksum: from the 1.8 one on, images have a wrong one (HDFGroup/hdf5 pull request 5489), and no
/// reader takes them. Objects use the 1.8 format all the same, as creation order asks for it.
Hdf5Handle hdf5_create_in_memory() {
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  hdf5_check(H5Pset_fapl_core(access, std::size_t(1) << 20, false));
  hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V110));
  const Hdf5Handle creation = hdf5_object_properties(H5P_FILE_CREATE);
  return {H5Fcreate("in memory", H5F_ACC_TRUNC, creation, access), H5Fclose};
}

std::string hdf5_image_of(hid_t file) {
  hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL));
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  ORRERY_CHECK(size > 0);
  std::string bytes(std::size_t(size), '\0');
  ORRERY_CHECK(H5Fget_file_image(file, bytes.data(), bytes.size()) == size);
  return bytes;
}

}  // namespace orrery
