#pragma once

#include <Eigen/Core>
#include <cmath>
#include <functional>

namespace orrery::reference {

/// Norm of (analytic - central difference) over the norm of the difference, for every entry of one tensor.
/// `loss` reads `values` again each time. 0 over 0 is 0; not a number stays one, and fails a comparison with
/// <=. With h = 1e-5 and values near 1 the difference itself is right to about h^2 = 1e-10 (third derivative)
/// and 1e-16 / h = 1e-11 (rounding), four orders below the 1e-6 that is asked for.
template <class Values, class Analytic>
double gradient_error(Values&& values, const Analytic& analytic, const std::function<double()>& loss,
                      double h = 1e-5) {
  double miss = 0, size = 0;
  for (Eigen::Index i = 0; i < values.size(); ++i) {
    double& value = values.data()[i];
    const double kept = value;
    value = kept + h;
    const double above = loss();
    value = kept - h;
    const double below = loss();
    value = kept;
    const double numeric = (above - below) / (2 * h);
    miss += (analytic.data()[i] - numeric) * (analytic.data()[i] - numeric);
    size += numeric * numeric;
  }
  return miss == 0 ? 0 : std::sqrt(miss) / std::sqrt(size);
}

}  // namespace orrery::reference
