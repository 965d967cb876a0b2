/// How memory follows its file without losing what it does meanwhile.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace cortex::detail {

/// What memory has handed over to its file after a reading of that file was asked for: the content
/// that arrives does not have it, so memory does it again. One reading at a time, so that steady
/// writes do not put it off for ever. *Owned by one actor*.
template <class Table>
class since_read {
public:
  /// Whether a reading is to be asked for now; otherwise another one follows the present one.
  [[nodiscard]] bool begin() {
    wanted_ = std::exchange(reading_, true);
    if (!wanted_)
      done_.clear();
    return !wanted_;
  }

  /// Notes a change of memory that was just handed over.
  template <class Change>
  void note(Change again) {
    if (reading_)
      done_.emplace_back(std::move(again));
  }

  /// Does everything again on what was read.
  void catch_up(Table& table) {
    reading_ = false;
    for (const auto& again : std::exchange(done_, {}))
      again(table);
  }

  /// The reading failed: memory stays as it is, and another one is wanted.
  void give_up() noexcept {
    reading_ = false;
    wanted_ = true;
    done_.clear();
  }

  /// Whether a reading was asked for that none has followed.
  [[nodiscard]] bool wanted() const noexcept { return wanted_ && !reading_; }

private:
  std::vector<std::function<void(Table&)>> done_;
  bool reading_ = false;
  bool wanted_ = false;
};

} // namespace cortex::detail
