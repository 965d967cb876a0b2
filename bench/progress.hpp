/// Progress of one operation that many threads tell, and the indicator of the process.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace cortex::bench {

/// A bar or an operation on an output that takes everything at once. *Thread-safe*.
class progress_display {
public:
  progress_display() = default;
  progress_display(const progress_display&) = delete;
  progress_display& operator=(const progress_display&) = delete;
  virtual ~progress_display() = default;

  /// One item more.
  virtual void advance() = 0;
  /// One item more, and what it is.
  virtual void update(const std::string& message) = 0;
  /// What the display itself says when all is drawn; asked once, at the end.
  virtual std::uint64_t shown() = 0;
};

using display_maker = std::function<std::unique_ptr<progress_display>()>;

/// A singleton by the way of its design; each call gives its identity.
struct shared_indicator {
  std::function<void()> begin; ///< There is none yet.
  std::function<std::uintptr_t()> get;
  std::function<void()> end;
};

[[nodiscard]] subject_maker progress_positions(display_maker maker);
[[nodiscard]] subject_maker progress_messages(display_maker maker);
[[nodiscard]] subject_maker shared_indicators(shared_indicator design);

} // namespace cortex::bench
