/// What nearly every test includes, parsed once for each program. Tests include what they need all
/// the same: `cmake -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON` shows whether they do.
#pragma once

#include "support/catch_compat.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>
