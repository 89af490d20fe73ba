#include "models/training/segment_cost.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "models/kernels/kernel.hpp"

namespace orrery {
namespace {

Machine machine(Seconds message) {
  const std::ifstream file(ORRERY_SOURCE "/models/kernels/families/cublas_a100.json");
  std::ostringstream text;
  text << file.rdbuf();
  Checked<KernelFamily> family = read_kernel_family(text.str(), "cublas_a100");
  EXPECT_TRUE(family.ok());
  GpuSpec gpu;
  gpu.multiprocessors = 108;
  gpu.bf16 = FlopsPerSecond(312e12);
  gpu.hbm = BytesPerSecond(2.039e12);
  gpu.power = Watts(400);
  return {{}, family.value, gpu, 0, [message](const Message&) { return message; }};
}

KernelCall product(std::optional<Travelling> travelling) {
  return {"product", Gemm{.m = 8192, .n = 4096, .k = 4096}, 1, travelling};
}
Travelling beside(Travelling::Order order, int pieces, int held) { return {{}, order, pieces, held}; }

constexpr double little = 1e-9;

// Free: nothing travels -> the kernel alone; a message of all length -> the message; between them never less
// than either nor more than one after the other with a slowed kernel.
TEST(AccompaniedKernel, EndsWithTheLaterOfTheTwo) {
  const double alone = call_time(machine(Seconds(0)), product(std::nullopt), Beside::Nothing).value();
  for (const double message : {0.0, 1e-4, 5e-4, 1e-3, 1.0}) {
    const double time =
        call_time(machine(Seconds(message)), product(beside(Travelling::Order::Free, 1, 24)), Beside::Nothing)
            .value();
    EXPECT_GE(time, alone - little) << message;
    EXPECT_GE(time, message) << message;
    EXPECT_LE(time, alone + message + little) << message;
    if (message == 0) {
      EXPECT_NEAR(time, alone, little);
    }
    if (message == 1) {
      EXPECT_NEAR(time, message, 1e-5);
    }
  }
}

// Cut into p pieces with a message of length m: feeding sees at least the first piece and all of the message;
// draining at least the last piece's leaving, m / p.
TEST(AccompaniedKernel, CutInPiecesHidesAllButTheEnds) {
  const double alone = call_time(machine(Seconds(0)), product(std::nullopt), Beside::Nothing).value();
  for (const int pieces : {2, 4}) {
    const auto time = [&](double message, Travelling::Order order) {
      return call_time(machine(Seconds(message)), product(beside(order, pieces, 1)), Beside::Nothing).value();
    };
    for (const auto order : {Travelling::Order::Feeds, Travelling::Order::Drains}) {
      EXPECT_GE(time(0, order), alone) << "pieces cost launches";
      EXPECT_LT(time(0, order), 1.35 * alone);
      EXPECT_GE(time(1, order), 1.0);
      EXPECT_LE(time(1, order), 1.0 + alone);
    }
    const double small = alone / 4;
    EXPECT_NEAR(time(small, Travelling::Order::Feeds), time(0, Travelling::Order::Feeds), little);
    EXPECT_NEAR(time(small, Travelling::Order::Drains), time(0, Travelling::Order::Drains) + small / pieces,
                little);
  }
}

TEST(AccompaniedKernel, NeverEndsEarlierForALongerMessage) {
  for (const auto order : {Travelling::Order::Free, Travelling::Order::Feeds, Travelling::Order::Drains}) {
    double before = 0;
    for (double message = 0; message < 3e-3; message += 1e-4) {
      const double time =
          call_time(machine(Seconds(message)), product(beside(order, 4, 8)), Beside::Nothing).value();
      EXPECT_GE(time, before - little);
      before = time;
    }
  }
}

}  // namespace
}  // namespace orrery
