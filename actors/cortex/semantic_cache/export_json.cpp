#include "cortex/semantic_cache/export_json.hpp"

#include "cortex/detail/system_error.hpp"
#include "cortex/semantic_cache/rows.hpp"
#include "cortex/text/python_json.hpp"
#include "cortex/text/utc_time.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace cortex::semantic_cache {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} << 10U; // of one write

void append_member(std::string& out, const char* name, std::string_view text) {
  out += ", \"";
  out += name;
  out += "\": ";
  text::append_python_json(out, text);
}

std::string object_of(const raw_row& row, const std::vector<std::string>& commands,
                      std::optional<std::int64_t> ends_at) {
  std::string out = "{\"id\": " + std::to_string(row.id);
  append_member(out, "provider", row.provider);
  append_member(out, "model", row.model);
  append_member(out, "system_hash", row.system_hash);
  append_member(out, "prompt", row.prompt);
  out += ", \"commands\": " + text::python_json(commands);
  append_member(out, "created_at", row.created_at);
  append_member(out, "last_accessed", row.last_accessed);
  out += ", \"hit_count\": " + std::to_string(row.hit_count);
  if (ends_at)
    append_member(out, "expires_at", text::format_utc(*ends_at));
  else
    out += ", \"expires_at\": null";
  return out + '}';
}

} // namespace

expected<std::size_t> write_json(storage::snapshot& view, const selection& which,
                                 const cache::sink& to) {
  std::size_t count = 0;
  auto written = each_row(
    view, which, [&](const raw_row& row, std::optional<std::int64_t> ends_at) -> expected<void> {
      const auto commands = text::read_json_texts(row.commands_json);
      if (!commands)
        return {};
      return to((count++ == 0 ? "[\n" : ",\n") + object_of(row, *commands, ends_at));
    });
  if (written)
    written = to(count == 0 ? "[]\n" : "\n]\n");
  if (!written)
    return unexpected{std::move(written).error()};
  return count;
}

// -- file -----------------------------------------------------------------------------------------

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
  const auto folder = std::filesystem::path{path_}.parent_path();
  const int opened = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened < 0)
    return detail::system_failure("cannot open the folder of '" + path_ + "'");
  const bool flushed = ::fsync(opened) == 0;
  const auto failure = flushed
                         ? expected<void>{}
                         : detail::system_failure("cannot flush the folder of '" + path_ + "'");
  ::close(opened);
  return failure;
}

} // namespace cortex::semantic_cache
