// What the environment says of the emulated device, and mistakes that it is asked to make.
//
//   STEEPEST_EMULATED_ORDER     late or early, late
//   STEEPEST_EMULATED_THREADS   first, last or mixed, first: which threads and blocks of a kernel begin and go on before the others;
//                               mixed is drawn anew whenever threads have waited
//   STEEPEST_EMULATED_NO_WAITS  a mistake for tests to notice: 'host' does not wait for events, or the number of a stream (the
//                               first that the process makes is 1) that does not
//   STEEPEST_EMULATED_NO_GRAPHS 1: nothing can be captured
//   STEEPEST_EMULATED_DEVICES   how many devices there are, 1
//   STEEPEST_EMULATED_VERSION   of the driver, 13000
//   STEEPEST_EMULATED_LOADING   what loading kernels gives instead of modules: a result of the driver, or two, 'A B', the second for PTX
//   STEEPEST_EMULATED_JIT       what assembling text gives instead of modules: a result of the driver, as 221 where it finds no assembler
//   STEEPEST_EMULATED_LOADED    a file that what is loaded is added to, a line each: 'code' or 'ptx', bytes, result
//   STEEPEST_EMULATED_MODULES   a file that modules of text are added to, a line each: 'loaded' or 'unloaded', and how many there are then
//   STEEPEST_EMULATED_CAPABILITY   80, 90 or 120; 90
//   STEEPEST_EMULATED_MULTIPROCESSORS   of a device, 2
//   STEEPEST_EMULATED_COOPERATIVE 0: it has no launches whose blocks all run at once; 1
//   STEEPEST_EMULATED_CLUSTER   the most blocks of a cluster that it has room for, 8
//   STEEPEST_EMULATED_MEMORY    bytes of a device, 8 GB
//   STEEPEST_EMULATED_FAULT     the number of the launch that faults, from 1 on, on the first device
//   STEEPEST_EMULATED_REFUSE    the number of the launch that there is no memory for, from 1 on
//   STEEPEST_EMULATED_MISTAKE   'fault NAME', 'hang NAME', 'crash NAME' or 'skip NAME': what launches of kernels do whose names begin so
//   STEEPEST_EMULATED_UNMET     a mistake: the number of a meeting of blocks, from 1 on, that is left out of PTX
//   STEEPEST_EMULATED_TRACE     a file that the names of launched kernels are added to, a line each; of a graph, how many it has
//   STEEPEST_EMULATED_COPIES    a file that the bytes of copies to a device are added to, a line each
//   STEEPEST_EMULATED_BOXES     a file that tensor maps of boxes are added to, a line each: bytes of a number, and the box, innermost first
//   STEEPEST_EMULATED_PTX       a folder for the PTX that is assembled, a file for each
#pragma once

#include <cstddef>
#include <string>

namespace steepest::emulated {

// What a variable says, or otherwise.
size_t number(const char* variable, size_t otherwise);
// Bytes of a device; its compute capability times ten; multiprocessors; of dynamic shared memory, that a kernel may ask for; blocks of a cluster.
size_t memoryLimit();
size_t capability();
unsigned multiprocessors();
int mostShared();
unsigned mostMembers();

// What loading an image gives that is PTX, or is not. 0: a module.
int resultOfLoading(bool isPtx);

// To the file that a variable names.
void addLine(const char* variable, const std::string& line);
// Whether the mistake is made that these do not wait.
bool forgetsWaits(const std::string& who);
// Whether a kernel is to make this mistake.
bool makes(const char* mistake, const std::string& kernel);

}  // namespace steepest::emulated
