#include "cortex/error.hpp"

#include <ostream>

namespace cortex {

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::invalid_argument: return "invalid_argument";
    case errc::not_found: return "not_found";
    case errc::already_exists: return "already_exists";
    case errc::in_use: return "in_use";
    case errc::timeout: return "timeout";
    case errc::overloaded: return "overloaded";
    case errc::unavailable: return "unavailable";
    case errc::cancelled: return "cancelled";
    case errc::would_deadlock: return "would_deadlock";
    case errc::closed: return "closed";
    case errc::forked: return "forked";
    case errc::read_only: return "read_only";
    case errc::no_space: return "no_space";
    case errc::io: return "io";
    case errc::corrupt: return "corrupt";
    case errc::newer_format: return "newer_format";
    case errc::permission: return "permission";
    case errc::unsupported: return "unsupported";
    case errc::constraint: return "constraint";
    case errc::outcome_unknown: return "outcome_unknown";
    case errc::internal: return "internal";
  }
  return "unknown";
}

std::string_view to_string(stage where) noexcept {
  switch (where) {
    case stage::none: return "none";
    case stage::admission: return "admission";
    case stage::mailbox: return "mailbox";
    case stage::handler: return "handler";
    case stage::lane: return "lane";
    case stage::execute: return "execute";
    case stage::commit: return "commit";
    case stage::reader: return "reader";
    case stage::handed_on: return "handed_on";
    case stage::group: return "group";
    case stage::read: return "read";
    case stage::reply: return "reply";
  }
  return "unknown";
}

std::string to_string(const error& problem) {
  std::string text{to_string(problem.code)};
  if (problem.where != stage::none) {
    text += " in ";
    text += to_string(problem.where);
  }
  if (!problem.detail.empty()) {
    text += ": ";
    text += problem.detail;
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const error& problem) {
  return out << to_string(problem);
}

std::ostream& operator<<(std::ostream& out, errc code) {
  return out << to_string(code);
}

} // namespace cortex
