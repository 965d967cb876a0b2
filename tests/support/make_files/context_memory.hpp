/// A context memory with rows of many kinds, for programs that read such files.
#pragma once

#include <filesystem>

/// Makes `context_memory.db` in a folder. Throws if it cannot.
void write_context_memory(const std::filesystem::path& dir);
