#include "cortex/json.hpp"
#include "cortex/text/python_float.hpp"
#include "cortex/text/python_json.hpp"

#include <algorithm>
#include <cmath>

namespace cortex {
namespace {

constexpr unsigned max_indent = 16;

} // namespace

/// Appends one value to a text. *Not thread-safe*.
class json_writer {
public:
  json_writer(std::string& out, const json_format& format) : out_(out), format_(format) {
    if (format_.indent)
      format_.indent = std::min(*format_.indent, max_indent);
  }

  void write(const json& value) {
    if (const auto* content = value.text())
      text::append_python_json(out_, *content, format_.ensure_ascii);
    else if (const auto* elements = value.elements())
      write_elements(*elements);
    else if (const auto* members = value.members())
      write_members(*members);
    else
      write_plain(value);
  }

private:
  void write_plain(const json& value) {
    if (value.is_null())
      out_ += "null";
    else if (const auto truth = value.as_bool())
      out_ += *truth ? "true" : "false";
    else if (value.kind() == json_kind::integer)
      out_ += value.digits();
    else
      write_real(std::get<double>(value.data_));
  }

  void write_real(double number) {
    if (std::isnan(number))
      out_ += "NaN";
    else if (std::isinf(number))
      out_ += number < 0 ? "-Infinity" : "Infinity";
    else
      text::append_python_float(out_, number);
  }

  void write_elements(const json::array_type& elements) {
    if (elements.empty()) {
      out_ += "[]";
      return;
    }
    open('[');
    for (const auto& each : elements) {
      separate(&each == elements.data());
      write(each);
    }
    close(']');
  }

  void write_members(const json::object_type& members) {
    if (members.empty()) {
      out_ += "{}";
      return;
    }
    open('{');
    for (const auto& each : members) {
      separate(&each == members.data());
      text::append_python_json(out_, each.key, format_.ensure_ascii);
      out_ += ": ";
      write(each.value);
    }
    close('}');
  }

  void open(char bracket) {
    out_ += bracket;
    ++level_;
  }
  void close(char bracket) {
    --level_;
    if (format_.indent)
      new_line();
    out_ += bracket;
  }
  void separate(bool first) {
    if (!first)
      out_ += format_.indent ? "," : ", ";
    if (format_.indent)
      new_line();
  }
  void new_line() {
    out_ += '\n';
    out_.append(std::size_t{*format_.indent} * level_, ' ');
  }

  std::string& out_;
  json_format format_;
  std::size_t level_ = 0;
};

std::string json::dump(const json_format& format) const {
  std::string out;
  json_writer{out, format}.write(*this);
  return out;
}

} // namespace cortex
