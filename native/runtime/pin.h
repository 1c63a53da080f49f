// Node unmaps an addon when the last worker thread that loaded it ends; sleeping pool threads would wake up in nothing.
#pragma once

namespace steepest {

// Keeps this library mapped until the process ends. Calling it again is a no-op.
void pinLibrary();

}  // namespace steepest
