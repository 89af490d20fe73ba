#include "reports/hdf5_array_reader.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "reports/own_process.hpp"
#include "reports/unicode.hpp"

namespace orrery {
namespace {

constexpr std::size_t longest_attribute = 1 << 20;

/// An open thing that may have failed to open.
class Opened {
 public:
  Opened(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// Why the bytes are not what was wanted.
struct Refusal {
  std::string problem, remedy;
};
const std::string damaged = "the file is damaged; make it again";

hid_t open_image(std::string_view bytes) {
  const Opened access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, std::size_t(1) << 20, false);
  H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size());  // It makes a copy.
  return H5Fopen("in memory", H5F_ACC_RDONLY, access);
}

class ArrayReader {
 public:
  ArrayReader(hid_t file, const WantedArray& wanted) : file_(file), wanted_(wanted) {}

  std::vector<Refusal> read(WholeArray& array) {
    array.name = wanted_.name;
    for (const std::string& name : wanted_.numbers) array.numbers.push_back({name, read_number(name)});
    for (const std::string& name : wanted_.texts) array.texts.push_back({name, read_text(name)});
    if (refusals_.empty()) read_values(array);
    return std::move(refusals_);
  }

 private:
  void refuse(std::string problem, std::string remedy) {
    refusals_.push_back({std::move(problem), std::move(remedy)});
  }

  /// Whether the attribute is a single value of that class.
  static bool is_scalar(hid_t attribute, H5T_class_t kind) {
    const Opened type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
    return type && space && H5Tget_class(type) == kind && H5Sget_simple_extent_npoints(space) == 1;
  }

  std::int64_t read_number(const std::string& name) {
    if (H5Aexists(file_, name.c_str()) <= 0) {
      refuse("it has no attribute '" + name + "'", "write it as a whole number at the root");
      return 0;
    }
    const Opened attribute(H5Aopen(file_, name.c_str(), H5P_DEFAULT), H5Aclose);
    std::int64_t value = 0;
    if (!attribute || !is_scalar(attribute, H5T_INTEGER) ||
        H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0) {
      refuse("its attribute '" + name + "' is not a whole number", "write one at the root");
    }
    return value;
  }

  std::string read_text(const std::string& name) {
    if (H5Aexists(file_, name.c_str()) <= 0) return {};
    const Opened attribute(H5Aopen(file_, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute || !is_scalar(attribute, H5T_STRING)) {
      refuse("its attribute '" + name + "' is not text", "write one string at the root");
      return {};
    }
    const Opened type(H5Aget_type(attribute), H5Tclose);
    std::string text;
    bool good = false;
    if (H5Tis_variable_str(type) > 0) {
      char* characters = nullptr;
      good = H5Aread(attribute, type, &characters) >= 0;
      if (good && characters) text = characters;
      H5free_memory(characters);
    } else {
      text.resize(std::min(H5Tget_size(type), longest_attribute + 1));
      good = text.size() <= longest_attribute && H5Aread(attribute, type, text.data()) >= 0;
      text.resize(std::min(text.find('\0'), text.size()));
    }
    if (!good) refuse("its attribute '" + name + "' cannot be read", damaged);
    return text;
  }

  void read_values(WholeArray& array) {
    const std::string quoted = "'" + wanted_.name + "'";
    if (H5Lexists(file_, wanted_.name.c_str(), H5P_DEFAULT) <= 0)
      return refuse("it has no dataset " + quoted, "is it the right file?");
    const Opened dataset(H5Dopen2(file_, wanted_.name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset) return refuse("its " + quoted + " is no dataset that can be opened", damaged);
    const Opened type(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose);
    if (!type || !space) return refuse("its dataset " + quoted + " cannot be read", damaged);
    if (H5Tget_class(type) != H5T_INTEGER || H5Tget_size(type) != 2 || H5Tget_sign(type) != H5T_SGN_NONE)
      return refuse("its dataset " + quoted + " does not hold 16-bit whole numbers from 0", "write uint16");
    const int dimensions = H5Sget_simple_extent_ndims(space);
    if (dimensions != int(wanted_.dimensions.size())) {
      return refuse("its dataset " + quoted + " has " + std::to_string(std::max(dimensions, 0)) +
                        " dimensions, not " + std::to_string(wanted_.dimensions.size()),
                    "one of shape " + shape_words());
    }
    std::vector<hsize_t> lengths(std::size_t(dimensions), 0);
    H5Sget_simple_extent_dims(space, lengths.data(), nullptr);
    std::int64_t values = 1;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const bool fits =
          lengths[i] <= hsize_t(most_values_read) && std::int64_t(lengths[i]) * values <= most_values_read;
      if (!fits) {
        return refuse(
            "its dataset " + quoted + " has more than " + std::to_string(most_values_read) + " values",
            "a part of it");
      }
      values *= std::int64_t(lengths[i]);
      array.dimensions.push_back({wanted_.dimensions[i], std::int64_t(lengths[i])});
    }
    if (values == 0) return refuse("its dataset " + quoted + " is empty", "one with values");
    array.values.resize(std::size_t(values));
    if (H5Dread(dataset, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0)
      refuse("its dataset " + quoted + " cannot be read: a sum does not match, or it is cut off", damaged);
  }

  std::string shape_words() const {
    std::string words;
    for (const std::string& name : wanted_.dimensions) words += (words.empty() ? "" : ", ") + name;
    return "[" + words + "]";
  }

  hid_t file_;
  const WantedArray& wanted_;
  std::vector<Refusal> refusals_;
};

/// What the process of its own hands back: a line of JSON, then the values as they lie in memory.
std::string packed(const Checked<WholeArray>& read) {
  nlohmann::json head;
  for (const Finding& finding : read.findings) head["findings"].push_back({finding.problem, finding.remedy});
  for (const WholeArray::Dimension& dimension : read.value.dimensions)
    head["lengths"].push_back(dimension.length);
  for (const WholeArray::Number& number : read.value.numbers) head["numbers"].push_back(number.value);
  for (const Attribute& text : read.value.texts) head["texts"].push_back(valid_utf8(text.value));
  std::string bytes = head.dump() + "\n";
  const std::size_t size = read.value.values.size() * sizeof(std::uint16_t);
  if (size > 0) bytes.append(reinterpret_cast<const char*>(read.value.values.data()), size);
  return bytes;
}

/// None when the answer is not one of `packed`: the process was led astray by the file before it ended.
std::optional<Checked<WholeArray>> unpacked(std::string_view answer, const WantedArray& wanted) try {
  const std::size_t line = answer.find('\n');
  if (line == std::string_view::npos) return std::nullopt;
  const nlohmann::json head = nlohmann::json::parse(answer.substr(0, line), nullptr, false);
  if (!head.is_object()) return std::nullopt;
  Checked<WholeArray> read;
  if (head.contains("findings")) {
    for (const auto& finding : head["findings"]) read.findings.push_back({"", finding.at(0), finding.at(1)});
    return read;
  }
  const auto part = [&](const char* name, std::size_t count) {
    return head.value(name, nlohmann::json::array()).size() == count;
  };
  if (!part("lengths", wanted.dimensions.size()) || !part("numbers", wanted.numbers.size()) ||
      !part("texts", wanted.texts.size()))
    return std::nullopt;
  std::size_t values = 1;
  read.value.name = wanted.name;
  for (std::size_t i = 0; i < wanted.dimensions.size(); ++i) {
    const std::int64_t length = head["lengths"][i];
    if (length < 1 || length > most_values_read) return std::nullopt;
    read.value.dimensions.push_back({wanted.dimensions[i], length});
    values *= std::size_t(length);
  }
  for (std::size_t i = 0; i < wanted.numbers.size(); ++i)
    read.value.numbers.push_back({wanted.numbers[i], head["numbers"][i]});
  for (std::size_t i = 0; i < wanted.texts.size(); ++i)
    read.value.texts.push_back({wanted.texts[i], head["texts"][i]});
  answer.remove_prefix(line + 1);
  if (answer.size() != values * sizeof(std::uint16_t)) return std::nullopt;
  read.value.values.resize(values);
  std::memcpy(read.value.values.data(), answer.data(), answer.size());
  return read;
} catch (const nlohmann::json::exception&) {
  return std::nullopt;
}

}  // namespace

Checked<WholeArray> read_hdf5_array_here(std::string_view bytes, const WantedArray& wanted) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // Else the library prints what went wrong.
  Checked<WholeArray> read;
  constexpr std::string_view signature("\x89HDF\r\n\x1a\n", 8);
  if (!bytes.starts_with(signature)) {
    read.findings.push_back({"", "is not an HDF5 file", "one that orrery validate or h5py wrote"});
    return read;
  }
  const Opened file(open_image(bytes), H5Fclose);
  if (!file) {
    read.findings.push_back({"", "cannot be opened as HDF5: it is cut off or damaged", damaged});
    return read;
  }
  for (Refusal& refusal : ArrayReader(file, wanted).read(read.value))
    read.findings.push_back({"", std::move(refusal.problem), std::move(refusal.remedy)});
  if (!read.ok()) read.value = {};
  return read;
}

Checked<WholeArray> read_hdf5_array(std::string_view bytes, const WantedArray& wanted) {
  const auto size = std::int64_t(bytes.size());
  const ProcessLimits limits{.cpu_seconds = 3 + int(size >> 23),
                             .more_memory = (std::int64_t(1) << 30) + 4 * size,
                             .answer = most_values_read * std::int64_t(sizeof(std::uint16_t)) + (16 << 20)};
  const std::optional<std::string> answer =
      answer_of_own_process(limits, [&] { return packed(read_hdf5_array_here(bytes, wanted)); });
  if (answer) {
    if (std::optional<Checked<WholeArray>> read = unpacked(*answer, wanted)) return std::move(*read);
  }
  return {{}, {{"", "cannot be read as HDF5: the library fails on it", damaged}}};
}

}  // namespace orrery
