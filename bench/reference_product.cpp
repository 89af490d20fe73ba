#include <benchmark/benchmark.h>

#include "models/reference/product.hpp"

// The reference's products beside Eigen's own float product of the same shapes. FLOPS: two a multiply-add.
// Eigen's result is there before, ours is made anew each time, as in use.
// Shapes as tokens, in, out: an expert of DeepSeek-V3, a square one, one of the small trained model.
namespace orrery::reference {
namespace {

struct Operands {
  Matrix<float> x, w, d_y;
};
Operands operands_of(const benchmark::State& state) {
  Operands made{Matrix<float>(state.range(0), state.range(1)), Matrix<float>(state.range(2), state.range(1)),
                Matrix<float>(state.range(0), state.range(2))};
  std::uint32_t bits = 1;
  for (Matrix<float>* matrix : {&made.x, &made.w, &made.d_y}) {
    for (float& value : matrix->reshaped()) {
      bits = bits * 1'664'525 + 1'013'904'223;
      value = float(bits >> 8) * 0x1p-23f - 1;
    }
  }
  return made;
}

void count_operations(benchmark::State& state) {
  const double each = 2.0 * double(state.range(0)) * double(state.range(1)) * double(state.range(2));
  state.counters["FLOPS"] =
      benchmark::Counter(each * double(state.iterations()), benchmark::Counter::kIsRate);
}

void eigen_forward(benchmark::State& state) {
  const Operands given = operands_of(state);
  Matrix<float> y(given.x.rows(), given.w.rows());
  for (auto _ : state) {
    y.noalias() = given.x * given.w.transpose();
    benchmark::DoNotOptimize(y.data());
  }
  count_operations(state);
}
void eigen_input_gradient(benchmark::State& state) {
  const Operands given = operands_of(state);
  Matrix<float> d_x(given.x.rows(), given.x.cols());
  for (auto _ : state) {
    d_x.noalias() = given.d_y * given.w;
    benchmark::DoNotOptimize(d_x.data());
  }
  count_operations(state);
}
void eigen_weight_gradient(benchmark::State& state) {
  const Operands given = operands_of(state);
  Matrix<float> d_w = given.w;
  for (auto _ : state) {
    d_w.noalias() += given.d_y.transpose() * given.x;
    benchmark::DoNotOptimize(d_w.data());
  }
  count_operations(state);
}

void forward(benchmark::State& state, Precision precision) {
  const Operands given = operands_of(state);
  Ledger ledger;
  const Context context{{precision, precision, {}}, {}, ledger};
  for (auto _ : state) {
    const auto y = product_forward(given.x, given.w, precision, Operation::ExpertUp, context);
    benchmark::DoNotOptimize(y.data());
  }
  count_operations(state);
}
void input_gradient(benchmark::State& state, Precision precision) {
  const Operands given = operands_of(state);
  Ledger ledger;
  const Context context{{precision, precision, {}}, {}, ledger};
  for (auto _ : state) {
    const auto d_x = product_input_gradient(given.d_y, given.w, precision, Operation::ExpertUp, context);
    benchmark::DoNotOptimize(d_x.data());
  }
  count_operations(state);
}
void weight_gradient(benchmark::State& state, Precision precision) {
  const Operands given = operands_of(state);
  Ledger ledger;
  const Context context{{precision, precision, {}}, {}, ledger};
  Matrix<float> d_w = given.w;
  for (auto _ : state) {
    product_weight_gradient(given.d_y, given.x, precision, Operation::ExpertUp, context, d_w);
    benchmark::DoNotOptimize(d_w.data());
  }
  count_operations(state);
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({256, 7168, 2048})
      ->Args({1536, 1536, 1536})
      ->Args({128, 64, 32})
      ->Unit(benchmark::kMicrosecond);
}
BENCHMARK(eigen_forward)->Apply(sizes);
BENCHMARK_CAPTURE(forward, full, Precision::Full)->Apply(sizes);
BENCHMARK_CAPTURE(forward, bf16, Precision::Bf16)->Apply(sizes);
BENCHMARK_CAPTURE(forward, fp8, Precision::Fp8)->Apply(sizes);
BENCHMARK(eigen_input_gradient)->Apply(sizes);
BENCHMARK_CAPTURE(input_gradient, full, Precision::Full)->Apply(sizes);
BENCHMARK_CAPTURE(input_gradient, bf16, Precision::Bf16)->Apply(sizes);
BENCHMARK_CAPTURE(input_gradient, fp8, Precision::Fp8)->Apply(sizes);
BENCHMARK(eigen_weight_gradient)->Apply(sizes);
BENCHMARK_CAPTURE(weight_gradient, full, Precision::Full)->Apply(sizes);
BENCHMARK_CAPTURE(weight_gradient, bf16, Precision::Bf16)->Apply(sizes);
BENCHMARK_CAPTURE(weight_gradient, fp8, Precision::Fp8)->Apply(sizes);

}  // namespace
}  // namespace orrery::reference

BENCHMARK_MAIN();
