# Gives PTX that nvcc has written, FILE, an older VERSION than that of nvcc: a driver reads none that is newer than itself, though
# all instructions of ours are old. CMakeLists.txt assembles what comes out.
file(READ ${FILE} text)
string(REGEX MATCHALL "\n\\.version [0-9]+\\.[0-9]+\n" found "${text}")
list(LENGTH found count)
if(NOT count EQUAL 1)
  message(FATAL_ERROR "${FILE} has ${count} lines that say its version")
endif()
string(REPLACE "${found}" "\n.version ${VERSION}\n" text "${text}")
# Of 8.3, and only says which bytes of the load behind it are used.
string(REGEX REPLACE "\t\\.pragma \"used_bytes_mask [^\"\n]*\";\n" "" text "${text}")
file(WRITE ${FILE} "${text}")
