#include "cortex/text/atomic_file.hpp"

#include "cortex/detail/descriptor.hpp"
#include "cortex/detail/system_error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace cortex::text {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} << 10U; // of one write

} // namespace

expected<atomic_file> atomic_file::create(const std::string& path) {
  std::error_code none; // no status: there is nothing of that name, or the next call says more
  const auto there = std::filesystem::symlink_status(path, none);
  if (std::filesystem::exists(there) && !std::filesystem::is_regular_file(there)
      && !std::filesystem::is_symlink(there))
    return fail(errc::invalid_argument, "'" + path + "' is no regular file");
  std::string temporary = path + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC); // makes it with mode 0600
  if (descriptor < 0)
    return detail::system_failure("cannot make a file beside '" + path + "'");
  return atomic_file{path, std::move(temporary), descriptor};
}

atomic_file::atomic_file(std::string path, std::string temporary, int descriptor) noexcept
  : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

atomic_file::atomic_file(atomic_file&& other) noexcept
  : path_(std::move(other.path_)),
    temporary_(std::exchange(other.temporary_, {})),
    descriptor_(std::exchange(other.descriptor_, -1)),
    waiting_(std::move(other.waiting_)) {}

atomic_file::~atomic_file() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

expected<void> atomic_file::append(std::string_view piece) {
  waiting_ += piece;
  return waiting_.size() < piece_bytes ? expected<void>{} : write_out();
}

expected<void> atomic_file::write_out() {
  std::string_view left = waiting_;
  while (!left.empty()) {
    const auto written = ::write(descriptor_, left.data(), left.size());
    if (written < 0 && errno != EINTR)
      return detail::system_failure("cannot write '" + temporary_ + "'");
    if (written > 0)
      left.remove_prefix(static_cast<std::size_t>(written));
  }
  waiting_.clear();
  return {};
}

expected<void> atomic_file::finish() {
  if (auto written = write_out(); !written)
    return written;
  if (::fsync(descriptor_) != 0)
    return detail::system_failure("cannot flush '" + temporary_ + "'");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return detail::system_failure("cannot give '" + path_ + "' its name");
  temporary_.clear();
  if (const auto flushed = flush_folder_of(path_); !flushed)
    return fail(errc::outcome_unknown,
                "'" + path_
                  + "' is in place and may not survive a power cut: " + flushed.error().detail);
  return {};
}

expected<void> flush_folder_of(const std::string& path) {
  const auto folder = std::filesystem::path{path}.parent_path();
  const detail::descriptor opened{
    ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!opened)
    return detail::system_failure("cannot open the folder of '" + path + "'");
  if (::fsync(opened.get()) != 0)
    return detail::system_failure("cannot flush the folder of '" + path + "'");
  return {};
}

} // namespace cortex::text
