#pragma once

#include <string>

#include "reports/hdf5_handle.hpp"

namespace orrery {

// What all our HDF5 files have in common: UTF-8, creation order, no times of day, built in memory.

/// Text as the library can store it: valid UTF-8, and as it takes a zero byte for the end, U+FFFD for that.
std::string hdf5_storable(const std::string& text);
Hdf5Handle hdf5_string_type();  ///< UTF-8 of variable length.

/// Properties of a new object of `kind` (H5P_GROUP_CREATE, ...): attributes and links in the order they were
/// made.
Hdf5Handle hdf5_object_properties(hid_t kind);
Hdf5Handle hdf5_utf8_link();

void hdf5_write_attribute(hid_t object, const std::string& name, const std::string& value);
void hdf5_write_attribute(hid_t object, const std::string& name, std::int64_t value);

Hdf5Handle hdf5_create_in_memory();
std::string hdf5_image_of(hid_t file);  ///< The bytes of the whole file.

}  // namespace orrery
