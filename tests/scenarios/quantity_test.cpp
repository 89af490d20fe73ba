#include "scenarios/reading/quantity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "scenarios/reading/nearest.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;
using K = QuantityKind;

double value_of(std::string_view text, K kind) {
  const auto read = read_quantity(text, kind);
  EXPECT_TRUE(read.ok()) << text << ": " << (read.ok() ? "" : read.findings[0].remedy);
  return read.value;
}

std::string remedy_of(std::string_view text, K kind) {
  const auto read = read_quantity(text, kind);
  EXPECT_EQ(read.findings.size(), 1u) << text;
  return read.ok() ? "" : read.findings[0].problem + " | " + read.findings[0].remedy;
}

TEST(Quantity, PowersOfTenAreExact) {
  // The same bits as a literal: the digits meet the power of ten before they become binary.
  EXPECT_EQ(value_of("3.33 us", K::Time), 3.33e-6);
  EXPECT_EQ(value_of("3.35 TB/s", K::Bandwidth), 3.35e12);
  EXPECT_EQ(value_of("14.8 T", K::Count), 14.8e12);
  EXPECT_EQ(value_of("7.6 %", K::Share), 0.076);
  EXPECT_EQ(value_of("0.05 us", K::Time), 5e-8);
  EXPECT_EQ(value_of("84943110144 B", K::Size), 84943110144.0);
}

TEST(Quantity, UnitsMeanWhatTheySay) {
  EXPECT_EQ(value_of("1 KiB", K::Size), 1024);
  EXPECT_EQ(value_of("1 kB", K::Size), 1000);
  EXPECT_EQ(value_of("80 GiB", K::Size), 80.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(value_of("400 Gb/s", K::Bandwidth), 50e9);  // 8 bits a byte
  EXPECT_EQ(value_of("400 Gbps", K::Bandwidth), 50e9);
  EXPECT_EQ(value_of("2 MiB/s", K::Bandwidth), 2097152);
  EXPECT_EQ(value_of("2 min", K::Time), 120);
  EXPECT_EQ(value_of("60 d", K::Time), 60 * 86400);
  EXPECT_EQ(value_of("3 \u00B5s", K::Time), 3e-6);  // micro sign
  EXPECT_EQ(value_of("3 \u03BCs", K::Time), 3e-6);  // Greek mu
  EXPECT_EQ(value_of("989 TFLOP/s", K::Compute), 989e12);
  EXPECT_EQ(value_of("989 TFLOPS", K::Compute), 989e12);
  EXPECT_EQ(value_of("10.2 kW", K::Power), 10200);
  EXPECT_EQ(value_of("1 kWh", K::Energy), 3.6e6);
  EXPECT_EQ(value_of("2 USD/h", K::MoneyPerHour), 2);
  EXPECT_EQ(value_of("5.576 MUSD", K::Money), 5.576e6);
}

TEST(Quantity, NumbersMayBeWrittenInEveryUsualWay) {
  for (const char* text :
       {"50 GB/s", "50GB/s", "+50 GB/s", "50.0 GB/s", "5e1 GB/s", "5E+1 GB/s", "500e-1   GB/s", "5_0 GB/s"})
    EXPECT_EQ(value_of(text, K::Bandwidth), 50e9) << text;
  EXPECT_EQ(value_of("1_000_000", K::Count), 1e6);
  EXPECT_EQ(value_of("0.85", K::Share), 0.85);
  EXPECT_EQ(value_of("-3 us", K::Time), -3e-6);  // The key's range refuses it, not the unit.
}

TEST(Quantity, SizesAndCountsAreWhole) {
  EXPECT_EQ(value_of("79.1 GiB", K::Size), 84932978278.0);  // 79.1 * 2^30 = 84,932,978,278.4
  EXPECT_EQ(value_of("1.5", K::Count), 2);
}

TEST(Quantity, AnotherKindsUnitIsNamed) {
  EXPECT_THAT(remedy_of("50 GB", K::Bandwidth),
              HasSubstr("cannot read \"50 GB\" as a bandwidth | 'GB' is a unit of size"));
  EXPECT_THAT(remedy_of("50 GB/s", K::Size), HasSubstr("'GB/s' is a unit of bandwidth"));
  EXPECT_THAT(remedy_of("2 USD", K::MoneyPerHour), HasSubstr("'USD' is a unit of sum of money"));
}

TEST(Quantity, LookAlikesAreOffered) {
  EXPECT_THAT(remedy_of("50 gb/s", K::Bandwidth), HasSubstr("did you mean GB/s or Gb/s?"));
  EXPECT_THAT(remedy_of("50 gbps", K::Bandwidth), HasSubstr("did you mean Gbps?"));
  EXPECT_THAT(remedy_of("80 KB", K::Size), HasSubstr("did you mean kB or KiB?"));
  EXPECT_THAT(remedy_of("80 gB", K::Size), HasSubstr("did you mean GB?"));
  EXPECT_THAT(remedy_of("3 US", K::Time), HasSubstr("did you mean us?"));
}

TEST(Quantity, WhatIsNoQuantityIsRefusedWithAnExample) {
  EXPECT_THAT(remedy_of("50", K::Bandwidth), HasSubstr("needs a unit"));
  EXPECT_THAT(remedy_of("fast", K::Bandwidth), HasSubstr("\"50 GB/s\""));
  EXPECT_THAT(remedy_of("", K::Bandwidth), HasSubstr("\"50 GB/s\""));
  EXPECT_THAT(remedy_of("3,35 TB/s", K::Bandwidth), HasSubstr("with a point"));
  EXPECT_THAT(remedy_of("50 parsecs", K::Bandwidth), HasSubstr("unknown unit 'parsecs'"));
  EXPECT_THAT(remedy_of("1e999 GB/s", K::Bandwidth), HasSubstr("too large"));
  EXPECT_THAT(remedy_of("1e99999999999 B", K::Size), HasSubstr("too large"));
  EXPECT_THAT(remedy_of("nan GB/s", K::Bandwidth), HasSubstr("as in"));
  EXPECT_THAT(remedy_of("inf", K::Share), HasSubstr("as in"));
  EXPECT_THAT(remedy_of("50. GB/s", K::Bandwidth), HasSubstr("unknown unit"));
  EXPECT_THAT(remedy_of("_50 GB/s", K::Bandwidth), HasSubstr("as in"));
}

TEST(Quantity, EveryExampleAndEveryUnitOfAKindReads) {
  int units_read = 0;
  for (int kind = 0; kind <= int(K::Share); ++kind) {
    EXPECT_GT(value_of(kind_example(K(kind)), K(kind)), 0);
    std::string list = kind_units(K(kind)) + ", ";
    for (std::size_t comma; (comma = list.find(", ")) != std::string::npos;
         list.erase(0, comma + 2), ++units_read)
      EXPECT_GT(value_of("12 " + list.substr(0, comma), K(kind)), 0);
  }
  EXPECT_GT(units_read, 45);
}

TEST(Quantity, NoTextStopsTheReader) {
  RandomStream random(1, {"test", "quantity"});
  constexpr std::string_view letters = "0123456789+-._eE GMKikBbs/%\xC2\xB5,";
  for (int i = 0; i < 100000; ++i) {
    std::string text;
    for (std::uint32_t length = random.below(12); length > 0; --length)
      text += letters[random.below(std::uint32_t(letters.size()))];
    const auto read = read_quantity(text, K(random.below(10)));
    EXPECT_TRUE(read.ok() ? std::isfinite(read.value) : !read.findings[0].problem.empty());
  }
}

TEST(Nearest, CountsInsertDeleteReplaceAndSwap) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("nodes", "nodes"), 0);
  EXPECT_EQ(edit_distance("nodes", "node"), 1);
  EXPECT_EQ(edit_distance("nodes", "nodse"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(Nearest, IsSymmetricAndKeepsTheTriangle) {
  // The swap of neighbours breaks the triangle by at most one for this variant; symmetry is exact.
  RandomStream random(2, {"test", "nearest"});
  const auto any = [&] {
    std::string word;
    for (std::uint32_t length = random.below(6); length > 0; --length) word += char('a' + random.below(3));
    return word;
  };
  for (int i = 0; i < 5000; ++i) {
    const std::string a = any(), b = any(), c = any();
    EXPECT_EQ(edit_distance(a, b), edit_distance(b, a));
    EXPECT_LE(edit_distance(a, c), edit_distance(a, b) + edit_distance(b, c) + 1);
    EXPECT_EQ(edit_distance(a, b) == 0, a == b);
  }
}

TEST(Nearest, ListsAllWhenNothingIsNear) {
  const std::string_view known[] = {"dualpipe", "1f1b"};
  EXPECT_EQ(suggestion("dualpip", known), "did you mean 'dualpipe'?");
  EXPECT_EQ(suggestion("something-else", known), "known: dualpipe, 1f1b");
}

}  // namespace
}  // namespace orrery
