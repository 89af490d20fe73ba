#include "reports/hdf5_arrays.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <cstdio>

#include "reports/hdf5_file.hpp"

namespace orrery {
namespace {

constexpr hsize_t chunk_values = 512 * 1024;  // 1 MiB.

/// A dimension without a variable of its own, as netCDF writes it: a dataset whose values are never stored.
Hdf5Handle write_dimension(hid_t file, const WholeArray::Dimension& dimension) {
  const auto length = hsize_t(dimension.length);
  const Hdf5Handle space(H5Screate_simple(1, &length, nullptr), H5Sclose);
  const Hdf5Handle properties = hdf5_object_properties(H5P_DATASET_CREATE);
  Hdf5Handle scale(H5Dcreate2(file, dimension.name.c_str(), H5T_IEEE_F32BE, space, hdf5_utf8_link(),
                              properties, H5P_DEFAULT),
                   H5Dclose);
  char name[80];  // What netCDF's own library looks for.
  std::snprintf(name, sizeof name, "This is a netCDF dimension but not a netCDF variable.%10lld",
                static_cast<long long>(dimension.length));
  hdf5_check(H5DSset_scale(scale, name));
  return scale;
}

/// Whole rows of the first dimension that is not 1 in a chunk, as many as fit.
std::vector<hsize_t> chunk_of(std::vector<hsize_t> lengths) {
  hsize_t values = 1;
  for (const hsize_t length : lengths) values *= length;
  for (hsize_t& length : lengths) {
    const hsize_t others = values / length;
    length = std::clamp<hsize_t>(chunk_values / std::max<hsize_t>(others, 1), 1, length);
    values = others * length;
  }
  return lengths;
}

Hdf5Handle create_packed(hid_t file, const WholeArray& array, const std::vector<hsize_t>& lengths) {
  const int count = int(lengths.size());
  const Hdf5Handle space(H5Screate_simple(count, lengths.data(), nullptr), H5Sclose);
  const Hdf5Handle properties = hdf5_object_properties(H5P_DATASET_CREATE);
  hdf5_check(H5Pset_chunk(properties, count, chunk_of(lengths).data()));
  hdf5_check(H5Pset_shuffle(properties));
  hdf5_check(H5Pset_deflate(properties, 4));
  hdf5_check(H5Pset_fletcher32(properties));
  return {
      H5Dcreate2(file, array.name.c_str(), H5T_STD_U16LE, space, hdf5_utf8_link(), properties, H5P_DEFAULT),
      H5Dclose};
}

}  // namespace

std::string to_hdf5(const WholeArray& array) {
  std::int64_t values = 1;
  std::vector<hsize_t> lengths;
  for (const WholeArray::Dimension& dimension : array.dimensions) {
    ORRERY_CHECK(dimension.length > 0);
    values *= dimension.length;
    lengths.push_back(hsize_t(dimension.length));
  }
  ORRERY_CHECK(!lengths.empty() && values == std::int64_t(array.values.size()));
  const Hdf5Handle file = hdf5_create_in_memory();
  hdf5_write_attribute(file, "Conventions", "CF-1.10");
  for (const Attribute& text : array.texts) hdf5_write_attribute(file, text.name, text.value);
  for (const WholeArray::Number& number : array.numbers)
    hdf5_write_attribute(file, number.name, number.value);
  std::vector<Hdf5Handle> scales;
  for (const WholeArray::Dimension& dimension : array.dimensions)
    scales.push_back(write_dimension(file, dimension));
  const Hdf5Handle dataset = create_packed(file, array, lengths);
  hdf5_check(H5Dwrite(dataset, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()));
  for (std::size_t i = 0; i < scales.size(); ++i)
    hdf5_check(H5DSattach_scale(dataset, scales[i], unsigned(i)));
  if (!array.meaning.empty()) hdf5_write_attribute(dataset, "long_name", array.meaning);
  return hdf5_image_of(file);
}

}  // namespace orrery
