#include "reports/hdf5.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "reports/publish.hpp"
#include "scratch_folder.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

using Numbers = std::vector<double>;
using Integers = std::vector<std::int64_t>;
using Texts = std::vector<std::string>;

/// Looks for the modules without loading them, which takes seconds.
bool can_import(const std::string& modules) {
  return run("/usr/bin/python3 -c 'import sys, importlib.util as u; "
             "sys.exit(not all(map(u.find_spec, sys.argv[1:])))' " +
             modules)
             .status == 0;
}

/// Small and large, every type, text as first column, no rows at all, names beyond ASCII.
std::vector<Table> sample_tables() {
  Integers index;
  Numbers busy;
  RandomStream random(7, {.owner = "test", .purpose = "hdf5"});
  for (std::int64_t i = 0; i < 100'000; ++i) {
    index.push_back(i);
    busy.push_back(double(i) * 0.1 + random.uniform());
  }
  return {
      {"ranks",
       "one row a rank",
       {{"rank", "1", "place in the job", Integers{0, 1, 2}},
        {"busy_s", "s", "time with work", Numbers{0.1, -2.5e-300, 3}},
        {"host", "", "its name", Texts{"a", "", "plain"}}}},
      {"phases",
       "",
       {{"phase", "", "", Texts{"pre-training", "µ → 層", "quote \" and\nline"}},
        {"days", "d", "length", Numbers{1, 2, 3}},
        {"cost_usd", "USD", "", Numbers{5.328e6, 238e3, 1e4}}}},
      {"large", "packed", {{"index", "1", "", index}, {"busy_s", "s", "", busy}}},
      {"empty",
       "no rows",
       {{"name", "", "", Texts{}}, {"a_s", "s", "", Numbers{}}, {"n", "1", "", Integers{}}}},
      {"größe", "", {{"größe", "B", "", Integers{INT64_MIN, INT64_MAX}}}},
  };
}

std::vector<Attribute> sample_attributes() {
  return {{"title", "a run with µ and →"},
          {"source", ""},
          {"scenario_toml", std::string(200'000, 'x') + "\n[model]\n"},
          {"seed", "18446744073709551615"}};
}

class Hdf5 : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(publish(scratch_.path(), {{"results.h5", to_hdf5(sample_tables(), sample_attributes())}}));
    file_ = (scratch_.path() / "results.h5").string();
  }
  /// Runs a script on the file; it prints nothing but its complaints.
  std::string complaints_of(const std::string& script) {
    EXPECT_FALSE(publish(scratch_.path(), {{"check.py", script}}));
    const Ran ran = run("/usr/bin/python3 " + (scratch_.path() / "check.py").string() + " " + file_);
    return ran.status == 0 ? ran.output : "exit " + std::to_string(ran.status) + "\n" + ran.output;
  }
  ScratchFolder scratch_;
  std::string file_;
};

TEST_F(Hdf5, ReadsBackExactlyByH5py) {
  if (!can_import("h5py")) GTEST_SKIP() << "python3-h5py is not installed";
  EXPECT_EQ(complaints_of(R"(import sys, h5py, numpy as np
f = h5py.File(sys.argv[1])
def in_order(group):
    names = []
    group = h5py.h5g.open(group.id, b'.')
    group.links.visit(names.append, idx_type=h5py.h5.INDEX_CRT_ORDER)
    return [name.decode() for name in names if b'/' not in name]
assert in_order(f) == ['ranks', 'phases', 'large', 'empty', 'größe'], in_order(f)
assert h5py.h5g.open(f.id, b'/').get_create_plist().get_link_creation_order() == 3
assert list(f.attrs) == ['Conventions', 'title', 'source', 'scenario_toml', 'seed'], list(f.attrs)
assert f.attrs['title'] == 'a run with µ and →'
assert f.attrs['source'] == ''
assert f.attrs['scenario_toml'] == 'x' * 200000 + '\n[model]\n'
r = f['ranks']
assert r.attrs['long_name'] == 'one row a rank'
assert in_order(r) == ['rank', 'busy_s', 'host'], in_order(r)
assert r['rank'].dtype == '<i8' and list(r['rank'][:]) == [0, 1, 2]
assert r['busy_s'].dtype == '<f8' and list(r['busy_s'][:]) == [0.1, -2.5e-300, 3]
assert list(r['host'].asstr()[:]) == ['a', '', 'plain']
assert r['busy_s'].attrs['units'] == 's' and r['busy_s'].attrs['long_name'] == 'time with work'
assert 'units' not in r['host'].attrs
assert h5py.h5ds.is_scale(r['rank'].id)
assert r['busy_s'].dims[0][0] == r['rank'] and r['host'].dims[0][0] == r['rank']
p = f['phases']
assert list(p['phase'].asstr()[:]) == ['pre-training', 'µ → 層', 'quote " and\nline']
assert h5py.h5ds.is_scale(p['phase'].id)
assert p['cost_usd'].dims[0].keys() == ['phase'], p['cost_usd'].dims[0].keys()
b = f['large/busy_s']
assert b.shuffle and b.compression == 'gzip' and b.fletcher32 and b.chunks == (32768,), b.chunks
assert b.id.get_storage_size() < 8 * 100000, b.id.get_storage_size()
assert (f['large/index'][:] == np.arange(100000)).all()
assert np.all(np.floor(b[:] - 0.1 * np.arange(100000)) <= 0) and b[99999] > 9999
assert f['empty/a_s'].shape == (0,) and f['empty/name'].shape == (0,)
assert list(f['größe/größe'][:]) == [-2**63, 2**63 - 1]
)"),
            "");
}

TEST_F(Hdf5, OpensByNameInXarray) {
  if (!can_import("xarray h5netcdf")) GTEST_SKIP() << "python3-xarray or python3-h5netcdf is not installed";
  const std::string engines = can_import("netCDF4") ? "['h5netcdf', 'netcdf4']" : "['h5netcdf']";
  EXPECT_EQ(complaints_of("engines = " + engines + R"(
import sys, xarray as xr, numpy as np
for engine in engines:
    d = xr.open_dataset(sys.argv[1], engine=engine)
    assert d.attrs['title'] == 'a run with µ and →', d.attrs
    d = xr.open_dataset(sys.argv[1], group='ranks', engine=engine)
    assert d.sizes == {'rank': 3} and list(d.coords) == ['rank'], (engine, d)
    assert d.busy_s.dtype == 'float64' and list(d.busy_s.values) == [0.1, -2.5e-300, 3], (engine, d.busy_s)
    assert d.busy_s.attrs == {'units': 's', 'long_name': 'time with work'}, (engine, d.busy_s.attrs)
    assert list(d.host.values) == ['a', '', 'plain'], (engine, d.host)
    d = xr.open_dataset(sys.argv[1], group='phases', engine=engine)
    assert d.days.sel(phase='µ → 層') == 2 and d.days.dtype == 'float64', (engine, d)
    assert list(d.to_dataframe().columns) == ['days', 'cost_usd']
    d = xr.open_dataset(sys.argv[1], group='large', engine=engine)
    assert (d.index.values == np.arange(100000)).all()
    d = xr.open_dataset(sys.argv[1], group='empty', engine=engine)
    assert d.sizes == {'name': 0}, (engine, d)
)"),
            "");
}

TEST_F(Hdf5, PrintsInNcdump) {
  if (run("command -v ncdump").status != 0) GTEST_SKIP() << "netcdf-bin is not installed";
  const Ran ran = run("ncdump -h " + file_);
  ASSERT_EQ(ran.status, 0) << ran.output;
  for (const char* line :
       {":Conventions = \"CF-1.10\" ;", "group: ranks {", "rank = 3 ;", "int64 rank(rank) ;",
        "busy_s:units = \"s\" ;", "busy_s:long_name = \"time with work\" ;", "string phase(phase) ;",
        "double busy_s(index) ;", "name = UNLIMITED ; // (0 currently)", "string host(rank) ;"}) {
    EXPECT_NE(ran.output.find(line), std::string::npos) << line << " is not in\n"
                                                        << ran.output.substr(0, 3000);
  }
  EXPECT_EQ(ran.output.find("REFERENCE_LIST"), std::string::npos);
  // Data too, to the last digit: they pass the library's own checksums and filters.
  const Ran data = run("ncdump -v /ranks/busy_s -p 9,17 " + file_);
  EXPECT_EQ(data.status, 0) << data.output.substr(0, 300);
  EXPECT_NE(data.output.find("busy_s = 0.10000000000000001, -2.5e-300, 3"), std::string::npos);
}

TEST_F(Hdf5, GivesTheSameBytesTwice) {
  EXPECT_EQ(to_hdf5(sample_tables(), sample_attributes()), to_hdf5(sample_tables(), sample_attributes()));
}

// In a second process, whose fresh memory is filled with something else, and a second later.
TEST_F(Hdf5, GivesTheSameBytesInAnotherProcess) {
  if (const char* place = std::getenv("ORRERY_TEST_WRITE_HDF5")) {
    ASSERT_FALSE(publish(place, {{"again.h5", to_hdf5(sample_tables(), sample_attributes())}}));
    return;
  }
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const Ran ran = run("sleep 1.1; MALLOC_PERTURB_=165 ORRERY_TEST_WRITE_HDF5=" + scratch_.path().string() +
                      " " + self + " --gtest_filter=Hdf5.GivesTheSameBytesInAnotherProcess");
  ASSERT_EQ(ran.status, 0) << ran.output;
  EXPECT_EQ(bytes_of(scratch_.path() / "again.h5"), bytes_of(file_));
}

TEST(Hdf5Strings, MendTextThatDoesNotFit) {
  if (!can_import("h5py")) GTEST_SKIP() << "python3-h5py is not installed";
  const ScratchFolder scratch;
  const Table table{"t", "", {{"a", "", "", Texts{std::string("x\0y", 3), "\xFF"}}}};
  ASSERT_FALSE(publish(scratch.path(), {{"f.h5", to_hdf5({table}, {})}}));
  const Ran ran = run("PYTHONIOENCODING=utf-8 /usr/bin/python3 -c 'import h5py; print(*h5py.File(\"" +
                      (scratch.path() / "f.h5").string() + "\")[\"t/a\"].asstr()[:])'");
  EXPECT_EQ(ran.output, "x\uFFFDy \uFFFD\n");
}

TEST(Hdf5Strings, AFileWithoutTablesIsAFile) {
  const std::string bytes = to_hdf5({}, {{"title", "nothing"}});
  EXPECT_EQ(bytes.substr(0, 8), "\x89HDF\r\n\x1a\n");
}

TEST(Hdf5DeathTest, StopsWhenTwoTablesHaveOneName) {
  const Table table{"t", "", {{"a", "1", "", Integers{1}}}};
  EXPECT_DEATH(to_hdf5({table, table}, {}), "fault in orrery");
}

}  // namespace
}  // namespace orrery
