#include "reports/hdf5_arrays.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "reports/own_process.hpp"
#include "reports/publish.hpp"
#include "scratch_folder.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

WholeArray sample_array() {
  WholeArray array{.name = "box",
                   .meaning = "random numbers",
                   .dimensions = {{"layer", 3}, {"token", 70'000}, {"slot", 4}},
                   .values = {},
                   .numbers = {{"least", INT64_MIN}, {"seven", 7}},
                   .texts = {{"title", "µ → 層"}, {"nothing", ""}}};
  RandomStream random(1, {.owner = "test", .purpose = "array"});
  for (int i = 0; i < 3 * 70'000 * 4; ++i) array.values.push_back(std::uint16_t(random.bits() & 0xFFFF));
  return array;
}
const WantedArray wanted{.name = "box",
                         .dimensions = {"layer", "token", "slot"},
                         .numbers = {"least", "seven"},
                         .texts = {"title", "nothing", "absent"}};

TEST(Hdf5Array, ReadsBackExactly) {
  const WholeArray array = sample_array();
  const std::string bytes = to_hdf5(array);
  EXPECT_EQ(bytes, to_hdf5(array));
  const Checked<WholeArray> read = read_hdf5_array(bytes, wanted);
  ASSERT_TRUE(read.ok()) << read.findings[0].problem;
  EXPECT_EQ(read.value.values, array.values);
  EXPECT_EQ(read.value.dimensions, array.dimensions);
  EXPECT_EQ(read.value.numbers, array.numbers);
  ASSERT_EQ(read.value.texts.size(), 3u);
  EXPECT_EQ(read.value.texts[0].value, "µ → 層");
  EXPECT_EQ(read.value.texts[1].value, "");
  EXPECT_EQ(read.value.texts[2].value, "");
}

TEST(Hdf5Array, OpensInH5pyAndXarray) {
  const bool here = run("/usr/bin/python3 -c 'import importlib.util as u, sys; "
                        "sys.exit(not all(map(u.find_spec, [\"h5py\", \"xarray\", \"h5netcdf\"])))'")
                        .status == 0;
  if (!here) GTEST_SKIP() << "python3-h5py, python3-xarray or python3-h5netcdf is not installed";
  const ScratchFolder scratch;
  ASSERT_FALSE(publish(scratch.path(), {{"a.h5", to_hdf5(sample_array())}, {"check.py", R"(import sys, h5py
f = h5py.File(sys.argv[1])
box = f['box']
assert box.shape == (3, 70000, 4) and box.dtype == '<u2', (box.shape, box.dtype)
assert box.shuffle and box.compression == 'gzip' and box.fletcher32
assert [d[0].name for d in box.dims] == ['/layer', '/token', '/slot']
assert list(f.attrs) == ['Conventions', 'title', 'nothing', 'least', 'seven'], list(f.attrs)
assert f.attrs['least'] == -2**63 and f.attrs['seven'] == 7 and f.attrs['title'] == 'µ → 層'
assert box.attrs['long_name'] == 'random numbers'
import xarray as xr
d = xr.open_dataset(sys.argv[1], engine='h5netcdf')
assert d.box.dims == ('layer', 'token', 'slot') and list(d.coords) == [], d
assert (d.box.values == box[:]).all()
)"}}));
  const std::string folder = scratch.path().string();
  const Ran ran = run("/usr/bin/python3 " + folder + "/check.py " + folder + "/a.h5");
  EXPECT_EQ(ran.status, 0) << ran.output;
}

TEST(Hdf5Array, OfAnotherKindIsRefusedWithWhatIsMissing) {
  const std::string bytes = to_hdf5(sample_array());
  const auto problem = [&](auto change) {
    WantedArray other = wanted;
    change(other);
    const Checked<WholeArray> read = read_hdf5_array(bytes, other);
    return read.ok() ? "nothing" : read.findings[0].problem;
  };
  EXPECT_THAT(problem([](WantedArray& w) { w.name = "ball"; }), HasSubstr("no dataset 'ball'"));
  EXPECT_THAT(problem([](WantedArray& w) { w.name = "layer"; }), HasSubstr("does not hold 16-bit"));
  EXPECT_THAT(problem([](WantedArray& w) { w.dimensions.pop_back(); }), HasSubstr("3 dimensions, not 2"));
  EXPECT_THAT(problem([](WantedArray& w) { w.numbers.push_back("eight"); }),
              HasSubstr("no attribute 'eight'"));
  EXPECT_THAT(problem([](WantedArray& w) { w.numbers.push_back("title"); }), HasSubstr("not a whole number"));
  EXPECT_THAT(problem([](WantedArray& w) { w.texts.push_back("seven"); }), HasSubstr("is not text"));
  EXPECT_THAT(read_hdf5_array("", wanted).findings.at(0).problem, HasSubstr("not an HDF5 file"));
  EXPECT_THAT(read_hdf5_array("no such thing", wanted).findings.at(0).problem, HasSubstr("not an HDF5 file"));
}

TEST(OwnProcess, HandsBackItsAnswer) {
  EXPECT_EQ(answer_of_own_process({}, [] { return std::string("a\0b", 3); }), std::string("a\0b", 3));
  EXPECT_EQ(answer_of_own_process({}, [] { return std::string(5'000'000, 'x'); }),
            std::string(5'000'000, 'x'));
}

TEST(OwnProcess, OutlivesTheDeathOfItsCopy) {
  const auto answer = [](const std::function<std::string()>& work) {
    return answer_of_own_process({.cpu_seconds = 1, .more_memory = 256 << 20, .answer = 1000}, work);
  };
  EXPECT_EQ(answer([]() -> std::string { std::abort(); }), std::nullopt);
  EXPECT_EQ(answer([]() -> std::string { throw 1; }), std::nullopt);
  EXPECT_EQ(answer([] {
              for (volatile bool forever = true; forever;) {
              }
              return std::string();
            }),
            std::nullopt);
  EXPECT_EQ(answer([] { return std::string(std::size_t(1) << 30, 'x'); }), std::nullopt);
  EXPECT_EQ(answer([] { return std::string(1'000'000, 'x'); }), std::nullopt);
  EXPECT_EQ(answer([] { return std::string("well"); }), "well");
}

}  // namespace
}  // namespace orrery
