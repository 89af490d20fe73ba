#include "models/transformer/transformer.hpp"

/// Any bytes as a config.json: a model whose counts can be taken, or findings.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto model =
      orrery::read_transformer(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (model.ok()) orrery::count_parameters(model.value);
  return 0;
}
