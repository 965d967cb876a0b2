#include "cortex/accelerator_limits/files.hpp"

#include "cortex/detail/system_error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <utility>

namespace cortex::accelerator_limits {
namespace {

/// A descriptor, closed at its end.
class open_file {
public:
  open_file(const std::string& path, int flags) noexcept
    // Not blocked by a pipe that nobody reads.
    : descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

private:
  int descriptor_;
};

} // namespace

std::optional<std::vector<std::string>> read_words(const std::string& path) {
  constexpr std::size_t longest = 65'536;
  const open_file file{path, O_RDONLY};
  if (!file.is_open())
    return std::nullopt;
  std::string content;
  std::array<char, 4096> piece{};
  while (content.size() < longest) {
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return std::nullopt;
    if (got == 0)
      break;
    content.append(piece.data(), static_cast<std::size_t>(got));
  }
  std::istringstream in{content};
  std::vector<std::string> words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return words;
}

expected<void> write_value(const std::string& path, std::string_view value) {
  const open_file file{path, O_WRONLY | O_TRUNC};
  if (!file.is_open())
    return detail::system_failure("cannot open '" + path + "'");
  ssize_t written = 0;
  do
    written = ::write(file.get(), value.data(), value.size());
  while (written < 0 && errno == EINTR);
  if (written < 0)
    return detail::system_failure("cannot write '" + std::string{value} + "' to '" + path + "'");
  if (static_cast<std::size_t>(written) != value.size())
    return fail(errc::io, "'" + path + "' took a part of '" + std::string{value} + "' only");
  return {};
}

expected<bool> make_folder(const std::string& path) {
  constexpr mode_t mode = 0755; // of cgroups: whoever may enter the parent sees the limits
  if (::mkdir(path.c_str(), mode) == 0)
    return true;
  const int number = errno;
  struct stat found {};
  if (number == EEXIST && ::lstat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode))
      return false;
    return fail(errc::already_exists, "'" + path + "' is no folder");
  }
  return detail::system_failure("cannot make '" + path + "'", number);
}

std::optional<std::size_t> count_folders(const std::string& path) {
  std::error_code problem;
  std::filesystem::directory_iterator at{path, problem};
  if (problem)
    return std::nullopt;
  std::size_t count = 0;
  for (; at != std::filesystem::directory_iterator{}; at.increment(problem)) {
    if (problem)
      return std::nullopt;
    if (at->is_directory(problem))
      ++count;
  }
  return count;
}

} // namespace cortex::accelerator_limits
