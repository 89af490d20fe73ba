#include "models/collectives/deep_ep.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/models/collectives/gate_sample.hpp"

namespace orrery {
namespace {

using namespace literals;

struct Row {
  int ranks;
  Direction direction;
  double published;
};

std::vector<Row> published_rows() {
  std::ifstream file(ORRERY_SOURCE "/tests/measured/deepep_all_to_all.csv");
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::istringstream cut(line);
    for (std::string cell; std::getline(cut, cell, ',');) cells.push_back(cell);
    if (line.starts_with('#') || cells.size() < 9 || cells[1] != "normal") continue;
    rows.push_back({std::stoi(cells[4]), cells[5] == "combine" ? Direction::Combine : Direction::Dispatch,
                    std::stod(cells[6])});
  }
  return rows;
}

/// The benchmark's figure: bytes of all (token, node) pairs of one rank, own node counted, over the time;
/// within one node the bytes of all (token, GPU) pairs.
double logical_rate(const AllToAllCounts& counts, Bytes token, Seconds time) {
  double copies = 0;
  for (const std::int32_t n : counts.nodes == 1 ? counts.copies : counts.tokens) copies += n;
  return copies / counts.sources() * double(token.value()) / time.value();
}

// "v1 final" rows of EP8 and EP64 calibrate and must come back; EP16, EP32 and EP128 are predictions.
TEST(DeepEp, PredictsTheRowsThatItWasNotCalibratedOn) {
  std::map<int, AllToAllCounts> counts;
  std::printf("%6s %9s %10s %10s %8s\n", "EP", "op", "published", "predicted", "error");
  int rows = 0;
  for (const Row& row : published_rows()) {
    const auto& sample = counts.try_emplace(row.ranks, sample_counts(row.ranks / 8, 4096, 1)).first->second;
    const bool combine = row.direction == Direction::Combine;
    const Bytes token = combine ? bf16_token(7168) : fp8_token(7168);
    const AllToAllKind kind = combine ? AllToAllKind::Combine : AllToAllKind::Dispatch;
    const Seconds time = all_to_all_time(all_to_all_load(sample, token),
                                         transfer_rates(deep_ep, kind, Company::Alone), deep_ep.alone);
    const double predicted = logical_rate(sample, token, time) / 1e9;
    const double error = predicted / row.published - 1;
    const bool calibrated = row.ranks == 8 || row.ranks == 64;
    std::printf("%6d %9s %10.2f %10.2f %+7.1f%%%s\n", row.ranks, combine ? "combine" : "dispatch",
                row.published, predicted, 100 * error, calibrated ? "  (calibrated)" : "");
    EXPECT_LE(std::abs(error), calibrated ? 0.02 : 0.10) << "EP" << row.ranks;
    ++rows;
  }
  EXPECT_EQ(rows, 10);
}

// EP8 and EP64 of June 2025 give the two lines; EP16, 32, 128 and 256 are predictions. 128 tokens, eight
// copies each, 7,408 bytes of dispatch and 14,336 of combine.
TEST(DeepEp, PredictsTheLowLatencyRowsThatItWasNotCalibratedOn) {
  std::ifstream file(ORRERY_SOURCE "/tests/measured/deepep_all_to_all.csv");
  std::printf("%6s %9s %10s %10s %8s\n", "EP", "op", "published", "predicted", "error");
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::istringstream cut(line);
    for (std::string cell; std::getline(cut, cell, ',');) cells.push_back(cell);
    if (cells.size() < 9 || cells[0] != "v1 final" || cells[1] != "low-latency") continue;
    const int ranks = std::stoi(cells[4]);
    const bool combine = cells[5] == "combine";
    const Bytes copy = combine ? bf16_token(7168) : low_latency_token(7168);
    const double published = std::stod(cells[8]);
    const double predicted = low_latency_time(deep_ep_low_latency, ranks, 8, 128 * 8, copy).value() * 1e6;
    const double error = predicted / published - 1;
    const bool calibrated = ranks == 8 || ranks == 64;
    std::printf("%6d %9s %10.0f %10.1f %+7.1f%%%s\n", ranks, cells[5].c_str(), published, predicted,
                100 * error, calibrated ? "  (calibrated)" : "");
    EXPECT_LE(std::abs(error), calibrated ? 0.001 : 0.15) << "EP" << ranks;
    ++rows;
  }
  EXPECT_EQ(rows, 12);
}

// DeepEP's tests: 7,168 values and 56 scales of 4 bytes; 2 bytes a value.
TEST(DeepEp, BytesOfATokenAreThoseOfTheBenchmark) {
  EXPECT_EQ(fp8_token(7168), 7392_B);
  EXPECT_EQ(bf16_token(7168), 14336_B);
}

// Hypergeometric: a set of g experts is missed by 8 of 256 with C(256-g,8)/C(256,8). So distinct GPUs of
// 32 experts each: 8 * (1 - 0.3377) = 5.30; of 16: 6.53; and of 4 nodes with 64 experts: 3.62.
TEST(DeepEp, SampledRoutingAgreesWithTheExactExpectation) {
  const auto missed = [](int experts) {
    double p = 1;
    for (int k = 0; k < 8; ++k) p *= double(256 - experts - k) / (256 - k);
    return p;
  };
  const auto per_token = [](const std::vector<std::int32_t>& cells, int sources) {
    double sum = 0;
    for (const std::int32_t n : cells) sum += n;
    return sum / sources / 4096;
  };
  const AllToAllCounts one = sample_counts(1, 4096, 5), two = sample_counts(2, 4096, 5),
                       four = sample_counts(4, 4096, 5);
  EXPECT_NEAR(per_token(one.copies, 8), 8 * (1 - missed(32)), 0.02);  // Deviation 1 / sqrt(8 * 4096).
  EXPECT_NEAR(per_token(two.copies, 16), 16 * (1 - missed(16)), 0.02);
  EXPECT_NEAR(per_token(four.tokens, 32), 4 * (1 - missed(64)), 0.02);
}

// At the measured setting the rates must give the measured times back, for all eight numbers.
TEST(DeepEp, AllEightMeasuredRatesComeBackAtTheSettingTheyWereMeasuredAt) {
  constexpr AllToAllSetting set;
  const double sent = set.tokens * set.remote_nodes, leaving = set.tokens * set.gpus * 7 / 8;
  for (int k = 0; k < all_to_all_kinds; ++k) {
    const auto kind = AllToAllKind(k);
    const Bytes token = direction_of(kind) == Direction::Dispatch ? fp8_token(7168) : bf16_token(7168);
    const double bytes = set.busiest_nic * double(token.value());
    const AllToAllLoad load{sent * bytes, leaving * bytes, set.tokens * set.nodes / 8};
    for (const auto& [around, measured] : {std::pair(Company::Alone, deep_ep[kind].nic_alone),
                                           std::pair(Company::Beside, deep_ep[kind].nic_beside)}) {
      const Seconds time =
          all_to_all_time(load, transfer_rates(deep_ep, kind, around), chunking(deep_ep, around));
      EXPECT_NEAR(sent * double(token.value()) / time.value() / measured.value(), 1, 1e-9)
          << deep_ep[kind].name;
    }
  }
}

// Mean kernel times of the published training trace: 4.346, 3.405, 5.994 and 6.368 ms (4 layers each).
TEST(DeepEp, RatesBesideComputeGiveTheTimesOfTheTrace) {
  const AllToAllCounts counts = sample_counts(8, 4096, 3);
  const double published[] = {4.346e-3, 3.405e-3, 5.994e-3, 6.368e-3};
  for (int k = 0; k < all_to_all_kinds; ++k) {
    const auto kind = AllToAllKind(k);
    const Bytes token = direction_of(kind) == Direction::Dispatch ? fp8_token(7168) : bf16_token(7168);
    const Seconds time = all_to_all_time(all_to_all_load(counts, token),
                                         transfer_rates(deep_ep, kind, Company::Beside), deep_ep.beside);
    EXPECT_NEAR(time.value() / published[k], 1, 0.02) << deep_ep[kind].name;
  }
}

}  // namespace
}  // namespace orrery
