/// Numbers as machines read them, whatever the locale.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <string>

namespace cortex::detail {

/// The shortest text that gives the same number again.
template <class T>
  requires(std::integral<T> || std::floating_point<T>)
[[nodiscard]] std::string number_text(T value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

[[nodiscard]] inline double seconds(std::chrono::nanoseconds time) noexcept {
  return std::chrono::duration<double>{time}.count();
}

} // namespace cortex::detail
