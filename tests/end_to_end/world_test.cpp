#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

TEST(World, a_full_standard_output_is_told_by_every_verb) {
  const ScratchFolder scratch;
  for (const char* arguments : {"list", "show deepseek-v3", "explain h800", "schedule 1f1b",
                                "completion bash", "check deepseek-v3", "run zero-bubble-6.2b-1f1b",
                                "run zero-bubble-6.2b-1f1b --json", "run absent --json", "list --json"}) {
    const Outcome outcome =
        run_in(scratch.path(), "'" ORRERY_BINARY "' " + std::string(arguments) + " >/dev/full");
    EXPECT_EQ(outcome.code, 1) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr("cannot write standard output: No space left on device")) << arguments;
  }
}

TEST(World, a_reader_that_goes_away_is_no_fault) {
  const ScratchFolder scratch;
  const Outcome outcome = run_in(scratch.path(), "'" ORRERY_BINARY "' list | head -n 1");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "scenarios\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(World, a_folder_without_permission_is_refused_before_the_work) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  const ScratchFolder scratch;
  std::filesystem::create_directory(scratch.path() / "locked");
  std::filesystem::permissions(scratch.path() / "locked",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const Outcome outcome = orrery(scratch.path(), "run zero-bubble-6.2b-1f1b --out locked/x");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("Permission denied"));
}

/// A disk of 64 KiB, gone afterwards.
class SmallDisk {
 public:
  SmallDisk() : mounted_(::mount("orrery-test", scratch_.path().c_str(), "tmpfs", 0, "size=64k") == 0) {}
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount(scratch_.path().c_str());
  }
  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return scratch_.path(); }

 private:
  ScratchFolder scratch_;
  bool mounted_;
};

TEST(World, a_full_disk_leaves_no_part_of_a_file) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "mounting needs root";
  // Results of 90 KB do not go into 64.
  const ScratchFolder elsewhere;
  const std::string out = (disk.path() / "x").string();
  const Outcome outcome = orrery(elsewhere.path(), "run zero-bubble-6.2b-1f1b --trace 0 --out '" + out + "'");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("No space left on device"));
  EXPECT_THAT(outcome.err, HasSubstr(out));
  EXPECT_TRUE(names_in(disk.path()).empty());
}

}  // namespace
}  // namespace orrery
