#include "pin.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace steepest {

void pinLibrary() {
  static const bool pinned = [] {
    static const char here = 0;
#if defined(_WIN32)
    HMODULE module;
    return GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, &here, &module) !=
           0;
#else
    Dl_info info;
    return dladdr(&here, &info) != 0 && dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
#endif
  }();
  static_cast<void>(pinned);
}

}  // namespace steepest
