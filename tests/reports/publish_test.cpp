#include "reports/publish.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "scratch_folder.hpp"

namespace orrery {
namespace {

using Everything = std::map<std::string, std::string>;

std::string text_of(const std::optional<PublishFault>& fault) {
  return fault ? to_text(*fault) : "published";
}

TEST(Publish, PutsEveryFileWholeIntoAFolderItCreates) {
  const ScratchFolder scratch;
  const std::string big(3'000'000, 'x');
  const std::string zeros("a\0b", 3);
  EXPECT_EQ(
      text_of(publish(scratch.path() / "one/two/three", {{"big", big}, {"empty", ""}, {"zeros", zeros}})),
      "published");
  EXPECT_EQ(everything_in(scratch.path() / "one/two/three"),
            (Everything{{"big", big}, {"empty", ""}, {"zeros", zeros}}));
}

TEST(Publish, TakesPathsWithDotsAndASlashAtTheEnd) {
  const ScratchFolder scratch;
  const std::string path = scratch.path().string() + "/./a/../a//b/";
  EXPECT_EQ(text_of(publish(path, {{"x", "1"}})), "published");
  EXPECT_EQ(everything_in(scratch.path()), (Everything{{"a/", ""}, {"a/b/", ""}, {"a/b/x", "1"}}));
}

TEST(Publish, ReplacesOldFilesAndLeavesOthersAlone) {
  const ScratchFolder scratch;
  EXPECT_FALSE(publish(scratch.path(), {{"summary.json", "old"}, {"mine.txt", "keep"}}));
  EXPECT_FALSE(publish(scratch.path(), {{"summary.json", "new"}}));
  EXPECT_EQ(everything_in(scratch.path()), (Everything{{"summary.json", "new"}, {"mine.txt", "keep"}}));
}

TEST(Publish, FilesHaveTheModeThatTheUserAskedForByUmask) {
  const ScratchFolder scratch;
  const mode_t before = ::umask(027);
  EXPECT_FALSE(publish(scratch.path(), {{"x", "1"}}));
  ::umask(before);
  struct stat status;
  ASSERT_EQ(::stat((scratch.path() / "x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666u & ~027u);
}

TEST(Publish, SaysWhichPartOfThePathIsAFile) {
  const ScratchFolder scratch;
  ASSERT_FALSE(publish(scratch.path(), {{"out", "a file"}}));
  const auto fault = publish(scratch.path() / "out" / "run", {{"x", "1"}});
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->path, (scratch.path() / "out").string());
  EXPECT_EQ(fault->operation, "create folder");
  EXPECT_EQ(fault->reason, "Not a directory");
  EXPECT_EQ(everything_in(scratch.path()), (Everything{{"out", "a file"}}));
}

TEST(Publish, DoesNotReplaceAFolderByAFile) {
  const ScratchFolder scratch;
  ASSERT_FALSE(publish(scratch.path() / "x", {{"inside", "1"}}));
  const auto fault = publish(scratch.path(), {{"a", "1"}, {"x", "2"}});
  EXPECT_EQ(text_of(fault), "cannot replace " + (scratch.path() / "x").string() + ": Is a directory");
  EXPECT_EQ(everything_in(scratch.path()), (Everything{{"x/", ""}, {"x/inside", "1"}}));
}

TEST(Publish, ReportsANameThatIsTooLong) {
  const ScratchFolder scratch;
  const auto fault = publish(scratch.path() / "new", {{"a", "1"}, {std::string(300, 'n'), "2"}});
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->reason, "File name too long");
  EXPECT_EQ(everything_in(scratch.path()), Everything{});
}

TEST(Publish, ReportsAFolderNobodyMayCreate) {
  const auto fault = publish("/proc/orrery", {{"x", "1"}});
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->path, "/proc/orrery");
  EXPECT_EQ(fault->operation, "create folder");
  EXPECT_FALSE(fault->reason.empty());
}

/// A small file system of our own, seen by this process alone and gone with it.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& place) : place_(place) {
    mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
               ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(place_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  bool make_read_only() const {
    return ::mount(nullptr, place_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, "size=64k") == 0;
  }

 private:
  std::filesystem::path place_;
  bool mounted_;
};

// 64 KiB hold the first file (40 kB) but not the second beside it.
TEST(Publish, OnAFullDiskNothingNewAppearsAndTheOldStays) {
  const ScratchFolder scratch;
  const SmallDisk disk(scratch.path());
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount";
  ASSERT_FALSE(publish(scratch.path(), {{"summary.json", "old"}}));
  const std::string size_40k(40'000, 'x');
  const auto fault = publish(scratch.path() / "out", {{"summary.json", size_40k}, {"ranks.csv", size_40k}});
  EXPECT_EQ(text_of(fault),
            "cannot write " + (scratch.path() / "out/ranks.csv").string() + ": No space left on device");
  EXPECT_EQ(everything_in(scratch.path()), (Everything{{"summary.json", "old"}}));
  EXPECT_EQ(text_of(publish(scratch.path() / "out", {{"ranks.csv", size_40k}})),
            "published");  // The room is back.
}

TEST(Publish, ReportsAReadOnlyDisk) {
  const ScratchFolder scratch;
  const SmallDisk disk(scratch.path());
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount";
  ASSERT_FALSE(publish(scratch.path() / "out", {{"summary.json", "old"}}));
  ASSERT_TRUE(disk.make_read_only());
  EXPECT_EQ(text_of(publish(scratch.path() / "out", {{"summary.json", "new"}})),
            "cannot create " + (scratch.path() / "out/summary.json").string() + ": Read-only file system");
  EXPECT_EQ(text_of(publish(scratch.path() / "new", {{"summary.json", "new"}})),
            "cannot create folder " + (scratch.path() / "new").string() + ": Read-only file system");
  EXPECT_EQ(bytes_of(scratch.path() / "out/summary.json"), "old");
}

/// The system, except that its n-th call that could fail does, with `error`, and does nothing. Calls
/// that take back (unlink, rmdir and what follows the fault) work.
FileCalls failing_at(int n, int error, int& calls, std::string& which) {
  FileCalls system = system_file_calls();
  const auto fails = [n, error, &calls, &which](const char* name) {
    if (++calls != n) return false;
    which = name;
    errno = error;
    return true;
  };
  FileCalls result = system;
  result.mkdir = [=](const char* p, mode_t m) { return fails("mkdir") ? -1 : system.mkdir(p, m); };
  result.open = [=](const char* p, int f, mode_t m) { return fails("open") ? -1 : system.open(p, f, m); };
  // Three bytes at a time, so that short writes are met as well.
  result.write = [=](int d, const void* b, std::size_t s) {
    return fails("write") ? -1 : system.write(d, b, std::min<std::size_t>(s, 3));
  };
  // Syncing for real would only make the thousands of runs slow.
  result.fsync = [=](int) { return fails("fsync") ? -1 : 0; };
  result.close = [=](int d) {
    const int closed = system.close(d);
    return fails("close") ? -1 : closed;
  };
  result.rename = [=](const char* a, const char* b) { return fails("rename") ? -1 : system.rename(a, b); };
  return result;
}

// For every call that can fail: a fault means that all is as before, none that all files are there. Only
// mkdir may fail without a fault, when the folder is there already.
TEST(Publish, IsAllOrNothingWhicheverCallFails) {
  const std::vector<OutputFile> files{{"a", "first file"}, {"b", "second"}, {"old", "changed"}, {"z", ""}};
  std::map<std::string, int> faults;
  for (const char* folder : {"out", "new/deep"}) {
    std::string which = "any";
    for (int n = 1; !which.empty(); ++n) {
      const ScratchFolder scratch;
      ASSERT_FALSE(publish(scratch.path() / "out", {{"old", "as it was"}}));
      const Everything before = everything_in(scratch.path());
      int calls = 0;
      which.clear();
      const auto fault = publish(scratch.path() / folder, files, failing_at(n, ENOSPC, calls, which));
      if (fault) {
        ++faults[which];
        ASSERT_EQ(fault->reason, "No space left on device");
        ASSERT_EQ(everything_in(scratch.path()), before) << which << ", call " << n;
      } else {
        ASSERT_TRUE(which.empty() || which == "mkdir") << which << ", call " << n;
        ASSERT_EQ(everything_in(scratch.path() / folder),
                  (Everything{{"a", "first file"}, {"b", "second"}, {"old", "changed"}, {"z", ""}}));
      }
    }
  }
  // Into "new/deep": two folders; three syncs of folders and four of files, as many openings and closings;
  // four renames. Into "out" the same without the new folders. Bytes in threes: 4 + 2 + 3 + 0 writes.
  EXPECT_EQ(
      faults,
      (std::map<std::string, int>{
          {"mkdir", 2}, {"open", 5 + 7}, {"close", 5 + 7}, {"fsync", 5 + 7}, {"rename", 8}, {"write", 18}}));
}

TEST(Publish, WritesOnAfterAnInterruption) {
  const ScratchFolder scratch;
  FileCalls calls = system_file_calls();
  int interruptions = 0;
  calls.write = [&](int descriptor, const void* bytes, std::size_t size) -> ssize_t {
    if (++interruptions % 2 == 1) {
      errno = EINTR;
      return -1;
    }
    return system_file_calls().write(descriptor, bytes, std::min<std::size_t>(size, 2));
  };
  EXPECT_FALSE(publish(scratch.path(), {{"x", "123456789"}}, calls));
  EXPECT_EQ(bytes_of(scratch.path() / "x"), "123456789");
}

// Some file systems have no hard links: the old file steps aside instead, and comes back.
TEST(Publish, KeepsTheOldFileWithoutHardLinksToo) {
  const ScratchFolder scratch;
  ASSERT_FALSE(publish(scratch.path(), {{"a", "old"}, {"b", "old"}}));
  FileCalls calls = system_file_calls();
  calls.link = [](const char*, const char*) {
    errno = EPERM;
    return -1;
  };
  FileCalls failing = calls;
  int renames = 0;  // a aside, a in, b aside, b in: the last one fails.
  failing.rename = [&](const char* from, const char* to) {
    if (++renames == 4) {
      errno = EIO;
      return -1;
    }
    return calls.rename(from, to);
  };
  EXPECT_TRUE(publish(scratch.path(), {{"a", "new"}, {"b", "new"}}, failing));
  EXPECT_EQ(everything_in(scratch.path()), (Everything{{"a", "old"}, {"b", "old"}}));
  EXPECT_FALSE(publish(scratch.path(), {{"a", "new"}, {"b", "new"}}, calls));
  EXPECT_EQ(everything_in(scratch.path()), (Everything{{"a", "new"}, {"b", "new"}}));
}

TEST(PublishDeathTest, RefusesNamesThatLeaveTheFolder) {
  EXPECT_DEATH(publish("/nowhere", {{"../x", "1"}}), "fault in orrery");
  EXPECT_DEATH(publish("/nowhere", {{"", "1"}}), "fault in orrery");
  EXPECT_DEATH(publish("/nowhere", {{"x", "1"}, {"x", "2"}}), "fault in orrery");
}

}  // namespace
}  // namespace orrery
