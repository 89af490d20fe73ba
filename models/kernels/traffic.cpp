#include <cmath>

#include "models/kernels/family.hpp"

namespace orrery {

std::string_view traffic_name(Traffic traffic) {
  constexpr std::array<std::string_view, std::size_t(Traffic::Count)> names{"norm",
                                                                            "norm_residual",
                                                                            "norm_backward",
                                                                            "rope",
                                                                            "strided_copy",
                                                                            "copy",
                                                                            "residual",
                                                                            "swiglu",
                                                                            "swiglu_backward",
                                                                            "cast_token",
                                                                            "cast_channel",
                                                                            "cast_channel_gather",
                                                                            "cast_twelve_bit",
                                                                            "restore_twelve_bit",
                                                                            "dequantize",
                                                                            "weight_transpose",
                                                                            "scale_copy",
                                                                            "permute",
                                                                            "unpermute",
                                                                            "softmax",
                                                                            "embedding",
                                                                            "attention_edges",
                                                                            "optimizer",
                                                                            "elementwise"};
  const auto index = std::size_t(traffic);
  return index < names.size() ? names[index] : "unknown";
}

/// Bytes moved over the bandwidth that this class of kernel achieves, times its slowdown beside others.
///
/// Units      bytes as the caller counts reads and writes; result in seconds.
/// Source     achieved bandwidths and slowdowns of the H800 training trace (kernels of 20 us or more);
///            classes the trace does not show carry an assumption, said in the family's file.
/// Checked    tests/models/kernels/family_test.cpp against single kernels of the trace.
/// Leaves out launch (launch_gap), what stays in the L2 cache, grids that do not fill the chip.
Seconds traffic_time(const KernelFamily& family, const GpuSpec& gpu, Traffic traffic, Bytes moved,
                     Beside beside) {
  const TrafficConstants& c = family.traffic[std::size_t(traffic)];
  return c.beside[std::size_t(beside)] * (moved / BytesPerSecond(c.hbm_share * gpu.hbm.value()));
}

/// A kernel of 1 to 10 us costs its own time and a fixed extra beside communication (2.1 us beside a
/// transfer in the H800 trace, 64 launch positions).
Seconds small_kernel_time(const KernelFamily& family, Seconds alone, Beside beside) {
  return alone + family.small_kernel_extra[std::size_t(beside)];
}

/// From the end of a kernel to the start of the next on a full queue (2.0 us in the H800 trace).
Seconds launch_gap(const KernelFamily& family) { return family.launch_gap; }

Seconds operand_cast_time(const KernelFamily& family, const GpuSpec& gpu, const Gemm& gemm) {
  if (computed_precision(family, gpu, gemm.precision) != Precision::Fp8) return Seconds(0);
  const Bytes moved(3 * gemm.m * gemm.k);
  return family.gemm_constants(gpu, gemm.precision, gemm.pass).cast_launch +
         traffic_time(family, gpu, Traffic::CastToken, moved, Beside::Nothing);
}

Seconds meet(std::initializer_list<double> limits, double power) {
  double fourth = 0;
  for (const double limit : limits) fourth += (limit * limit) * (limit * limit);
  const double hard = (power * power) * (power * power);
  return Seconds(std::sqrt(std::sqrt(std::sqrt(fourth * fourth + hard * hard))));
}

Precision computed_precision(const KernelFamily& family, const GpuSpec& gpu, Precision wanted) {
  const bool can = gpu.fp8.value() > 0 && family.gemm[std::size_t(Precision::Fp8) * 2].has_value();
  return wanted == Precision::Fp8 && can ? Precision::Fp8 : Precision::Bf16;
}

const GemmConstants& KernelFamily::gemm_constants(const GpuSpec& gpu, Precision precision,
                                                  GemmPass pass) const {
  return *gemm[std::size_t(computed_precision(*this, gpu, precision)) * 2 + std::size_t(pass)];
}

FlopsPerSecond sustained_rate(const KernelFamily& family, const GpuSpec& gpu, Precision precision,
                              double share) {
  const FittedOn& fitted = family.fitted_on;
  const bool fp8 = precision == Precision::Fp8;
  const bool known = gpu.power.value() > 0 && fitted.power.value() > 0 && (!fp8 || fitted.fp8.value() > 0);
  if (!known) return FlopsPerSecond(share * (fp8 ? gpu.fp8 : gpu.bf16).value());
  return FlopsPerSecond(share * (fp8 ? fitted.fp8 : fitted.bf16).value() * (gpu.power / fitted.power));
}

}  // namespace orrery
