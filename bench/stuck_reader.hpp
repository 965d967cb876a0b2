/// One thread that writes while a reader keeps the log from beginning anew.
#pragma once

#include "records.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

namespace cortex::bench {

/// A design with a snapshot that is open and that nobody reads from any more.
class stuck_store {
public:
  stuck_store() = default;
  stuck_store(const stuck_store&) = delete;
  stuck_store& operator=(const stuck_store&) = delete;
  virtual ~stuck_store() = default;
  virtual outcome write(std::uint64_t sequence) = 0;
};

/// Writes and looks, every now and then, how long the log is.
class stuck_reader_subject final : public subject {
public:
  stuck_reader_subject(std::filesystem::path file, std::unique_ptr<stuck_store> store)
    : file_(std::move(file)),
      log_(file_.string() + "-wal"),
      tallies_(1),
      store_(std::move(store)) {}

  void run(worker& self) override;
  /// The length of the log in MiB after each quarter of the time.
  [[nodiscard]] std::vector<figure> figures() const override;
  std::uint64_t close_and_count_lost() override;

private:
  void look();

  std::filesystem::path file_;
  std::filesystem::path log_;
  std::vector<write_tally> tallies_;
  std::unique_ptr<stuck_store> store_;
  std::vector<std::pair<bench_clock::time_point, double>> seen_; // MiB
};

} // namespace cortex::bench
