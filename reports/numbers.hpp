#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/units.hpp"

namespace orrery {

// Numbers for people: four significant digits, one unit, a space between. Files for programs hold
// every digit instead.

std::string grouped(std::int64_t number);    ///< 2048 -> "2,048".
std::string four_digits(double number);      ///< 0.129 -> "0.1290", 19.9263 -> "19.93", 2664.2 -> "2,664".
std::string percent(double share);           ///< 0.4237 -> "42.4 %".
std::string signed_percent(double percent);  ///< -1.234 -> "-1.2 %", 0.04 -> "+0.0 %".
std::string human(Seconds time);             ///< "129.0 ms", "19.93 s", "12.40 min", "3.500 h", "53.91 d".
std::string human(BytesPerSecond rate);      ///< Powers of 1000: "45.00 GB/s".
std::string human(FlopsPerSecond rate);      ///< "989.4 TFLOP/s".
std::string human(Dollars money);            ///< "5.576 M USD"; below a million grouped: "238,000 USD".
std::string human(Watts power);              ///< "1.400 MW".
std::string binary_bytes(Bytes size);        ///< Powers of 1024, as memory is sold: "79.11 GiB".
std::string decimal_bytes(Bytes size);       ///< Powers of 1000, as links count: "14.34 GB".
std::string human_count(double count);  ///< "671.0 B", "37.55 B", "14.80 T"; whole below 10,000: "2,048".
/// In thousands, as bills of machine time are written: (2664e3, "GPU-hours") -> "2,664 K GPU-hours".
std::string in_thousands(double count, std::string_view unit);

}  // namespace orrery
