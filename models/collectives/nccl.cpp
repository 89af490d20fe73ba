#include "models/collectives/collective.hpp"

namespace orrery {
namespace {

/// us, GB/s, us, ns per root of a byte, GB/s.
constexpr CollectiveLaw law(double start_us, double rate, double bulk_start_us, double ramp,
                            double bulk_rate) {
  return {Seconds(start_us * 1e-6), BytesPerSecond(rate * 1e9), Seconds(bulk_start_us * 1e-6), ramp * 1e-9,
          BytesPerSecond(bulk_rate * 1e9)};
}

constexpr std::string_view source =
    "ai-dynamo/aiconfigurator 095f58a51, NCCL tables of one node; least relative squares on every second "
    "size";

}  // namespace

// A row a number of ranks: 2, 4, 8.
constinit const CollectiveConstants a100_collectives{
    "a100",
    source,
    BytesPerSecond(300e9),
    {{
        // All-reduce.
        {{law(10.6, 56.7, 32.5, 4.59, 203.1), law(16.27, 119.3, 13.49, 13.46, 248.4),
          law(24.5, 126.4, 21.14, 12.7, 244.9)}},
        // All-gather.
        {{law(11.51, 62.1, 9.21, 14.62, 185.4), law(11.53, 41, 36.51, 4.65, 208.2),
          law(19.56, 128.9, 14.45, 15.83, 253.6)}},
        // Reduce-scatter.
        {{law(9.6, 42.5, 25.7, 2.45, 173.3), law(11.33, 72.2, 29.8, 6.27, 219.8),
          law(16.27, 103.2, 14.31, 13.36, 247.6)}},
        // All-to-all.
        {{law(12.58, 52.4, 10.71, 12.75, 198.6), law(12.79, 64.1, 23.67, 3.19, 198.3),
          law(13.51, 73.9, 42.6, 1.49, 206.9)}},
    }},
};
constinit const CollectiveConstants h100_collectives{
    "h100",
    source,
    BytesPerSecond(450e9),
    {{
        // All-reduce.
        {{law(6.46, 104.8, 14.95, 3.59, 331.6), law(10.16, 197.8, 18.51, 2.34, 357.6),
          law(17.16, 176.7, 15.12, 9.42, 533.7)}},
        // All-gather.
        {{law(5.65, 91.9, 13.28, 4.26, 276.3), law(8.27, 145.1, 7.04, 8.1, 378.5),
          law(12.25, 185.2, 10.56, 6.3, 389.1)}},
        // Reduce-scatter.
        {{law(5.91, 110.7, 5.46, 5.85, 266.4), law(7.17, 0.3, 6.99, 3.71, 317.6),
          law(10.53, 238.8, 11.57, 3.24, 351)}},
        // All-to-all.
        {{law(6.34, 5.3, 11.14, 2.76, 293.1), law(6.6, 11.1, 10.3, 2.48, 298.1),
          law(8.09, 63.7, 9.17, 3.81, 325.8)}},
    }},
};
constinit const CollectiveConstants b200_collectives{
    "b200",
    source,
    BytesPerSecond(900e9),
    {{
        // All-reduce.
        {{law(10.5, 144.6, 9.94, 4.06, 614.8), law(15.1, 315.3, 57.69, 0, 713.9),
          law(24.75, 335.9, 90.03, 0, 757.4)}},
        // All-gather.
        {{law(9.43, 105.5, 8.79, 4.92, 548.1), law(12.16, 181.3, 11.09, 4.71, 686.9),
          law(17.65, 25.3, 15.82, 4.42, 715.8)}},
        // Reduce-scatter.
        {{law(9.09, 181.9, 17.61, 0, 420.8), law(11.75, 256.9, 32.69, 0, 609.2),
          law(16.13, 0.3, 15.35, 5.4, 758.2)}},
        // All-to-all.
        {{law(9.01, 6.5, 12.96, 3.04, 351.8), law(10.08, 18.1, 14.78, 1.76, 512.4),
          law(11.77, 32.3, 14.38, 3.22, 615.3)}},
    }},
};

}  // namespace orrery
