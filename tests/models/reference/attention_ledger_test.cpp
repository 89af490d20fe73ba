#include <gtest/gtest.h>

#include "attention_sample.hpp"

namespace orrery::reference {
namespace {

TEST(Attention, WhatIsComputedAgainIsCountedAsRecomputationAndNothingElseChanges) {
  RandomStream random(4, {.owner = "test", .purpose = "counted again"});
  const ModelShape shape = small_layer(LayerKind::Compressed);
  const Matrix<float> x = layer_matrix<float>(random, 150, shape.hidden);
  const auto w = layer_weights<float>(shape, random);
  const Ledger kept = layer_run(x, w, shape, 75, x, fp8_numerics).ledger;
  const Ledger again = layer_run(x, w, shape, 75, x, fp8_numerics, {.up_projection = true}).ledger;
  for (const Operation operation :
       {Operation::QueryUp, Operation::KeyValueUp, Operation::Norm, Operation::Rotary}) {
    EXPECT_EQ(kept.at(operation, Pass::Recompute).bytes_read, 0u);
    EXPECT_EQ(again.at(operation, Pass::Recompute).bytes_read, kept.at(operation, Pass::Forward).bytes_read);
    EXPECT_EQ(again.at(operation, Pass::Recompute).multiply_adds,
              kept.at(operation, Pass::Forward).multiply_adds);
  }
  for (int operation = 0; operation < int(Operation::Count); ++operation) {
    for (const Pass pass : {Pass::Forward, Pass::InputGradient, Pass::WeightGradient}) {
      const Tally &a = kept.at(Operation(operation), pass), &b = again.at(Operation(operation), pass);
      EXPECT_EQ(a.multiply_adds, b.multiply_adds) << operation_name(Operation(operation));
      EXPECT_EQ(a.bytes_read, b.bytes_read) << operation_name(Operation(operation));
      EXPECT_EQ(a.bytes_written, b.bytes_written) << operation_name(Operation(operation));
    }
  }
}

// 150 tokens; hidden 160, 4 heads of 24 + 8 and 40, ranks 48 and 32. Two numbers rotated in place of one read
// and one written: (4 * 8 + 8) * 150 in BF16.
TEST(Attention, CountsEveryLinearLayerAndRotationOfAForwardPass) {
  RandomStream random(5, {.owner = "test", .purpose = "counted"});
  const ModelShape shape = small_layer(LayerKind::Compressed);
  const Matrix<float> x = layer_matrix<float>(random, 150, shape.hidden);
  const auto w = layer_weights<float>(shape, random);
  const Ledger ledger = layer_run(x, w, shape, 75, x, bf16_numerics).ledger;
  const auto expect = [&](Operation operation, int in, int out) {
    for (const Pass pass : {Pass::Forward, Pass::InputGradient, Pass::WeightGradient}) {
      EXPECT_EQ(ledger.at(operation, pass).multiply_adds, std::uint64_t(150 * in * out))
          << operation_name(operation) << " " << pass_name(pass);
    }
  };
  expect(Operation::QueryDown, 160, 48);
  expect(Operation::QueryUp, 48, 4 * 32);
  expect(Operation::KeyValueDown, 160, 32 + 8);
  expect(Operation::KeyValueUp, 32, 4 * 64);
  expect(Operation::AttentionOutput, 4 * 40, 160);
  for (const Pass pass : {Pass::Forward, Pass::InputGradient}) {
    EXPECT_EQ(ledger.at(Operation::Rotary, pass).bytes_read, 150u * 40u * 2u);
    EXPECT_EQ(ledger.at(Operation::Rotary, pass).bytes_written, 150u * 40u * 2u);
  }
}

// Bytes a token. FP8: a linear layer's kept input takes 1 + 4/128, the output projection's 1.5 and one byte
// for each started tile of 128 (160 numbers: two). BF16: 2 everywhere. Statistics: 4 a head.
TEST(Attention, CountsWhatItKeepsInTheBytesOfTheFormat) {
  RandomStream random(6, {.owner = "test", .purpose = "kept"});
  const ModelShape shape = small_layer(LayerKind::Compressed);
  const Matrix<float> x = layer_matrix<float>(random, 150, shape.hidden);
  const auto w = layer_weights<float>(shape, random);
  const auto kept = [&](KeptTensor tensor, const Numerics& numerics, const Recompute& recompute) {
    return layer_run(x, w, shape, 75, x, numerics, recompute).ledger.kept(tensor) / 150;
  };
  for (const Numerics& numerics : {bf16_numerics, fp8_numerics}) {
    for (const Recompute& recompute : {Recompute{}, Recompute{.norm = true, .up_projection = true}}) {
      const double there = recompute.up_projection ? 0 : 1;
      const double linear = numerics.linear == Precision::Fp8 ? 1 + 4.0 / 128 : 2;
      const double output = numerics.linear == Precision::Fp8 ? 160 * 1.5 + 2 : 320;
      EXPECT_DOUBLE_EQ(kept(KeptTensor::QueryLatent, numerics, recompute), 48 * 2);
      EXPECT_DOUBLE_EQ(kept(KeptTensor::KeyValueLatent, numerics, recompute), (32 + 8) * 2);
      EXPECT_DOUBLE_EQ(kept(KeptTensor::LatentOutput, numerics, recompute), there * (48 + 32) * linear);
      EXPECT_DOUBLE_EQ(kept(KeptTensor::Queries, numerics, recompute), there * 4 * 32 * 2);
      EXPECT_DOUBLE_EQ(kept(KeptTensor::Keys, numerics, recompute), there * 4 * 32 * 2);
      EXPECT_DOUBLE_EQ(kept(KeptTensor::Values, numerics, recompute), there * 4 * 40 * 2);
      EXPECT_DOUBLE_EQ(kept(KeptTensor::SoftmaxStatistics, numerics, recompute), 4 * 4);
      EXPECT_DOUBLE_EQ(kept(KeptTensor::AttentionOutput, numerics, recompute), output);
      EXPECT_EQ(kept(KeptTensor::NormOutput, numerics, recompute), 0);  // The caller's.
    }
  }
}

}  // namespace
}  // namespace orrery::reference
