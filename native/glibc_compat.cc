// Keeps the prebuilt addon loadable where glibc is as old as 2.28, the floor of the official Node binaries.
//
// A newer libc gives some functions a newer symbol version although the old one would do. The linker sends each function
// named in a WRAP line to the wrapper here (CMakeLists.txt reads the names from these lines and passes --wrap=NAME), and the
// wrapper calls the function's first version. Wanted when the packaging test reports a symbol above 2.28: add its line.

#include <dlfcn.h>
#include <pthread.h>

#define WRAP(result, name, parameters, arguments)         \
  extern "C" result old_##name parameters;                \
  __asm__(".symver old_" #name "," #name "@GLIBC_2.2.5"); \
  extern "C" __attribute__((visibility("hidden"))) result __wrap_##name parameters { return old_##name arguments; }

using ThreadMain = void* (*)(void*);
using Callback = void (*)();
using Destructor = void (*)(void*);

// clang-format off
WRAP(int, pthread_create, (pthread_t* thread, const pthread_attr_t* attributes, ThreadMain main, void* argument), (thread, attributes, main, argument))
WRAP(int, pthread_join, (pthread_t thread, void** result), (thread, result))
WRAP(int, pthread_detach, (pthread_t thread), (thread))
WRAP(int, pthread_once, (pthread_once_t* once, Callback callback), (once, callback))
WRAP(int, __pthread_key_create, (pthread_key_t* key, Destructor destructor), (key, destructor))
WRAP(int, pthread_mutex_trylock, (pthread_mutex_t* mutex), (mutex))
WRAP(void*, dlopen, (const char* file, int mode), (file, mode))
WRAP(void*, dlsym, (void* library, const char* name), (library, name))
WRAP(int, dlclose, (void* library), (library))
WRAP(char*, dlerror, (), ())
WRAP(int, dladdr, (const void* address, Dl_info* info), (address, info))
WRAP(double, exp, (double x), (x))
WRAP(double, log, (double x), (x))
WRAP(double, pow, (double x, double y), (x, y))
// clang-format on

// libstdc++ reads it to skip atomic operations in single-threaded programs. Node never is one.
extern "C" {
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
