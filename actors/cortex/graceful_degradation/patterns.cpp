// Tables of patterns as the public sees them: the built-in one, and those from a text or a file.
#include "cortex/detail/system_error.hpp"
#include "cortex/graceful_degradation/matcher.hpp"
#include "cortex/graceful_degradation/pattern_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace cortex::graceful_degradation {
namespace {

constexpr std::string_view apt_patterns
  = R"table(# Patterns for apt. A type, verbs / targets => command.

install: install, setup, add / node, nodejs => sudo apt install nodejs npm
install: install, setup, add / python, python3 => sudo apt install python3 python3-pip python3-venv
install: install, setup, add / docker => sudo apt install docker.io docker-compose
install: install, setup, add / nginx => sudo apt install nginx
install: install, setup, add / postgresql, postgres => sudo apt install postgresql postgresql-contrib
install: install, setup, add / mysql, mariadb => sudo apt install mysql-server
install: install, setup, add / redis => sudo apt install redis-server
install: install, setup, add / mongodb => sudo apt install mongodb
install: install, setup, add / git => sudo apt install git
install: install, setup, add / vim, neovim => sudo apt install neovim
install: install, setup, add / curl => sudo apt install curl
install: install, setup, add / wget => sudo apt install wget
install: install, setup, add / htop => sudo apt install htop
install: install, setup, add / tmux => sudo apt install tmux
install: install, setup, add / rust, rustc, cargo => curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh
install: install, setup, add / go, golang => sudo apt install golang-go
install: install, setup, add / java, openjdk => sudo apt install default-jdk
install: install, setup, add / cuda, nvidia?driver => sudo apt install nvidia-driver-535 nvidia-cuda-toolkit
install: install, setup, add / tensorflow => pip install tensorflow
install: install, setup, add / pytorch, torch => pip install torch torchvision torchaudio

operation: update, upgrade / system, all, packages => sudo apt update && sudo apt upgrade -y
operation: clean, cleanup / system, apt, packages => sudo apt autoremove -y && sudo apt autoclean
operation: search, find / [package] <rest> => apt search <rest>
operation: remove, uninstall, delete / <rest> => sudo apt remove <rest>
operation: info, details, about / <rest> => apt show <rest>
operation: list / installed => apt list --installed
)table";

struct descriptor {
  int number = -1;
  explicit descriptor(int opened) noexcept : number(opened) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number >= 0)
      ::close(number);
  }
};

/// The content of a regular file; one byte more than allowed if it is too long.
expected<std::string> read_table(const std::string& path) {
  // Opening a pipe would wait for somebody who writes.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat facts {};
  if (file.number < 0 || ::fstat(file.number, &facts) != 0)
    return cortex::detail::system_failure("'" + path + "'");
  if (!S_ISREG(facts.st_mode))
    return fail(errc::invalid_argument, "'" + path + "' is no regular file");
  std::string text(max_pattern_file_bytes + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = ::read(file.number, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return cortex::detail::system_failure("'" + path + "'");
    if (got == 0)
      break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return text;
}

} // namespace

const patterns& patterns::built_in() {
  static const patterns table = parse(apt_patterns).value();
  return table;
}

std::string_view patterns::built_in_text() noexcept {
  return apt_patterns;
}

expected<patterns> patterns::parse(std::string_view text) {
  auto table = parse_patterns(text);
  if (!table)
    return unexpected{std::move(table).error()};
  auto made = detail::matcher::make(*std::move(table));
  if (!made)
    return unexpected{std::move(made).error()};
  return patterns{*std::move(made)};
}

expected<patterns> patterns::load(const std::string& path) {
  auto text = read_table(path);
  if (!text)
    return unexpected{std::move(text).error()};
  auto table = parse(*text);
  if (!table)
    return fail(table.error().code, "'" + path + "': " + table.error().detail);
  return table;
}

std::optional<matched> patterns::match(std::string_view query) const {
  return table_->match(query);
}

std::size_t patterns::size() const noexcept {
  return table_->size();
}

} // namespace cortex::graceful_degradation
