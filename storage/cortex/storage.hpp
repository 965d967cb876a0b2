/// Everything of storage, for a quick start.
#pragma once

#include "cortex/backup.hpp"
#include "cortex/connection_pool.hpp"
#include "cortex/database.hpp"
#include "cortex/memory_budget.hpp"
#include "cortex/schema.hpp"
#include "cortex/statement.hpp"
