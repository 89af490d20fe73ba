#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "measured.hpp"

namespace orrery::measured {
namespace {

using Json = nlohmann::json;

TEST(KernelFamilies, all_read_without_findings_and_say_where_they_come_from) {
  const std::vector<std::string> names = family_names();
  EXPECT_EQ(names, (std::vector<std::string>{"cublas_a100", "cublas_b200", "cublas_b200_block", "cublas_h100",
                                             "cublas_h100_block", "deepgemm", "dualpipe_trace"}));
  for (const std::string& name : names) {
    const KernelFamily kernels = family(name);
    EXPECT_EQ(kernels.name, name);
    EXPECT_FALSE(kernels.about.empty());
    EXPECT_FALSE(kernels.errors.empty());
    EXPECT_TRUE(Json::parse(family_text(name)).at("sources").is_object());
  }
}

std::string keys(const Findings& findings) {
  std::string all;
  for (const Finding& finding : findings) all += finding.key + ";";
  return all;
}

/// The trace's family with one value changed by its path.
Findings after(const std::string& path, const Json& value) {
  Json json = Json::parse(family_text("dualpipe_trace"));
  json[Json::json_pointer(path)] = value;
  return read_kernel_family(json.dump(), "changed").findings;
}

TEST(KernelFamilies, a_wrong_value_is_found_by_its_key) {
  EXPECT_EQ(keys(after("/gemm/fp8_product/tensor_share", 1.5)), "gemm.fp8_product.tensor_share;");
  EXPECT_EQ(keys(after("/gemm/fp8_product/tensor_share", "fast")), "gemm.fp8_product.tensor_share;");
  EXPECT_EQ(keys(after("/gemm/fp8_product/contraction_step", 0.5)), "gemm.fp8_product.contraction_step;");
  EXPECT_EQ(keys(after("/gemm/fp8_product/tiles", Json::array())), "gemm.fp8_product.tiles;");
  EXPECT_EQ(keys(after("/gemm/fp8_product/tiles", {{128, 0}})), "gemm.fp8_product.tiles;");
  EXPECT_EQ(keys(after("/traffic/norm/beside_nothing_barrier_transfer", {1, 2})),
            "traffic.norm.beside_nothing_barrier_transfer;");
  EXPECT_EQ(keys(after("/attention/forward/speed", 1)), "attention.forward.speed;");
  EXPECT_EQ(keys(after("/colour", "blue")), "colour;");
  EXPECT_EQ(keys(after("/reserved_multiprocessors", -1)), "reserved_multiprocessors;");
}

TEST(KernelFamilies, all_findings_of_a_file_come_at_once) {
  Json json = Json::parse(family_text("dualpipe_trace"));
  json["traffic"].erase("norm");
  json["launch_gap_s"] = "2 us";
  json["gemm"].erase("fp8_accumulate");
  const std::string found = keys(read_kernel_family(json.dump(), "broken").findings);
  EXPECT_NE(found.find("launch_gap_s;"), std::string::npos) << found;
  EXPECT_NE(found.find("traffic.norm;"), std::string::npos) << found;
  EXPECT_NE(found.find("gemm.fp8_accumulate;"), std::string::npos) << found;
}

TEST(KernelFamilies, text_that_is_no_family_is_a_finding_and_never_an_exception) {
  for (const std::string text :
       {"", "{", "[]", "null", "3", "{}", "\xff\xfe", "{\"gemm\": []}", "{\"gemm\": {\"fp8_product\": 1}}"}) {
    EXPECT_FALSE(read_kernel_family(text, "nonsense").findings.empty()) << text;
  }
}

TEST(KernelFamilies, a_file_cut_anywhere_is_refused) {
  const std::string text = family_text("cublas_a100");
  for (std::size_t size = 0; size + 2 < text.size(); size += 37) {
    EXPECT_FALSE(read_kernel_family(text.substr(0, size), "cut").findings.empty()) << size;
  }
}

TEST(KernelFamilies, traffic_takes_its_bytes_over_its_share_of_the_memory_and_slows_beside_others) {
  const KernelFamily kernels = family("dualpipe_trace");
  const GpuSpec gpu = fitted_gpu(kernels);
  const auto norm = [&](Beside beside) {
    return traffic_time(kernels, gpu, Traffic::Norm, Bytes(4096LL * 7168 * 4), beside).value() * 1e6;
  };
  // The trace's plain norm of 4096 x 7168, BF16 in and out: 73-75 us alone, 112-117 us beside a barrier,
  // 123-133 us beside a transfer.
  EXPECT_NEAR(norm(Beside::Nothing), 74, 2);
  EXPECT_NEAR(norm(Beside::Barrier), 114.5, 4);
  EXPECT_NEAR(norm(Beside::Transfer), 128, 5);
  // Residual add: two BF16 inputs, one output; 3.1 TB/s.
  const Bytes add(4096LL * 7168 * 6);
  EXPECT_NEAR(traffic_time(kernels, gpu, Traffic::Residual, add, Beside::Nothing).value(), 176160768 / 3.1e12,
              1e-7);
}

TEST(KernelFamilies, small_kernels_pay_beside_a_transfer_and_the_queue_has_gaps) {
  const KernelFamily kernels = family("dualpipe_trace");
  EXPECT_DOUBLE_EQ(small_kernel_time(kernels, Seconds(3e-6), Beside::Nothing).value(), 3e-6);
  EXPECT_DOUBLE_EQ(small_kernel_time(kernels, Seconds(3e-6), Beside::Transfer).value(), 3e-6 + 2.1e-6);
  EXPECT_DOUBLE_EQ(launch_gap(kernels).value(), 2e-6);
}

TEST(KernelFamilies, every_traffic_class_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < std::size_t(Traffic::Count); ++i) names.insert(traffic_name(Traffic(i)));
  EXPECT_EQ(names.size(), std::size_t(Traffic::Count));
  EXPECT_EQ(traffic_name(Traffic::RestoreTwelveBit), "restore_twelve_bit");
}

}  // namespace
}  // namespace orrery::measured
