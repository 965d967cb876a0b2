// A program outside the tree: it sees what is installed and nothing else.
#include <cortex/error.hpp>

#include <iostream>

int main() {
  std::cout << cortex::to_string(cortex::errc::timeout) << '\n';
  return cortex::to_string(cortex::errc::timeout) == "timeout" ? 0 : 1;
}
