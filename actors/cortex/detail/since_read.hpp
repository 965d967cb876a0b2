/// How memory follows its file without losing what it does meanwhile.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace cortex::detail {

/// A number that nothing else of this process has, from 1. By it an actor that was made anew after
/// a crash tells its own readings and writes from those that were under way before. Thread-safe.
[[nodiscard]] inline std::uint64_t unique_number() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// What memory has handed over to its file after a reading of that file was asked for: the content
/// that arrives does not have it, so memory does it again. One reading at a time, so that steady
/// writes do not put it off for ever. *Owned by one actor*.
template <class Table>
class since_read {
public:
  /// Names a change that was noted.
  struct ticket {
    std::uint64_t owner = 0;
    std::uint64_t reading = 0;
    std::size_t place = 0;
  };

  /// The number of the reading that is to be asked for now; 0: another one follows the present one.
  [[nodiscard]] std::uint64_t begin() {
    wanted_ = reading_ != 0;
    if (wanted_)
      return 0;
    done_.clear();
    return reading_ = unique_number();
  }

  /// Whether a content that arrives is the one that was asked for.
  [[nodiscard]] bool awaits(std::uint64_t reading) const noexcept {
    return reading_ != 0 && reading == reading_;
  }

  /// Notes a change of memory that was just handed over.
  template <class Change>
  ticket note(Change again) {
    if (reading_ == 0)
      return {owner_, 0, 0};
    done_.emplace_back(std::move(again));
    return {owner_, reading_, done_.size() - 1};
  }

  /// Whether a change was made on the memory of this actor, not on that of one before a crash.
  [[nodiscard]] bool made_here(const ticket& noted) const noexcept { return noted.owner == owner_; }

  /// The file has refused a change: it is not done again.
  void withdraw(const ticket& noted) noexcept {
    if (awaits(noted.reading))
      done_[noted.place] = nullptr;
  }

  /// Does everything again on what was read.
  void catch_up(Table& table) {
    reading_ = 0;
    for (const auto& again : std::exchange(done_, {}))
      if (again != nullptr)
        again(table);
  }

  /// The reading failed: memory stays as it is, and another one is wanted.
  void give_up() noexcept {
    reading_ = 0;
    wanted_ = true;
    done_.clear();
  }

  /// Whether a reading was asked for that none has followed.
  [[nodiscard]] bool wanted() const noexcept { return wanted_ && reading_ == 0; }

private:
  std::vector<std::function<void(Table&)>> done_;
  std::uint64_t owner_ = unique_number();
  std::uint64_t reading_ = 0; // that is under way; 0 = none
  bool wanted_ = false;
};

} // namespace cortex::detail
