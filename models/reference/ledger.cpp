#include "models/reference/ledger.hpp"

namespace orrery::reference {
namespace {

constexpr std::string_view operation_names[] = {"embedding",
                                                "norm",
                                                "query down",
                                                "query up",
                                                "key-value down",
                                                "key-value up",
                                                "query key value",
                                                "rotary",
                                                "attention scores",
                                                "attention mix",
                                                "softmax",
                                                "attention output",
                                                "gate",
                                                "dispatch",
                                                "expert up",
                                                "expert activation",
                                                "expert down",
                                                "shared up",
                                                "shared activation",
                                                "shared down",
                                                "dense up",
                                                "dense activation",
                                                "dense down",
                                                "predict projection",
                                                "head",
                                                "loss",
                                                "optimizer"};
static_assert(std::size(operation_names) == std::size_t(Operation::Count));

constexpr std::string_view pass_names[] = {"forward", "input gradient", "weight gradient", "recompute"};
static_assert(std::size(pass_names) == std::size_t(Pass::Count));

constexpr std::string_view kept_names[] = {"norm input",
                                           "norm output",
                                           "query latent",
                                           "key-value latent",
                                           "latent norm output",
                                           "queries",
                                           "keys",
                                           "values",
                                           "softmax statistics",
                                           "attention output",
                                           "gate scores",
                                           "gate choice",
                                           "expert input",
                                           "expert gate and up",
                                           "expert activated",
                                           "shared gate and up",
                                           "shared activated",
                                           "dense gate and up",
                                           "dense activated",
                                           "predict input",
                                           "head input",
                                           "logits"};
static_assert(std::size(kept_names) == std::size_t(KeptTensor::Count));

}  // namespace

std::string_view operation_name(Operation operation) { return operation_names[std::size_t(operation)]; }
std::string_view pass_name(Pass pass) { return pass_names[std::size_t(pass)]; }
std::string_view kept_tensor_name(KeptTensor tensor) { return kept_names[std::size_t(tensor)]; }

Ledger& Ledger::operator+=(const Ledger& other) {
  for (std::size_t o = 0; o < tallies_.size(); ++o) {
    for (std::size_t p = 0; p < tallies_[o].size(); ++p) {
      tallies_[o][p].multiply_adds += other.tallies_[o][p].multiply_adds;
      tallies_[o][p].bytes_read += other.tallies_[o][p].bytes_read;
      tallies_[o][p].bytes_written += other.tallies_[o][p].bytes_written;
    }
  }
  for (std::size_t k = 0; k < kept_.size(); ++k) kept_[k] += other.kept_[k];
  return *this;
}

}  // namespace orrery::reference
